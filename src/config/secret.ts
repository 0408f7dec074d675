import { Concealed } from './concealed.js';

/** A text that must not be seen, from resolution to its use. A class of its own, so that it can be told from other values. */
export class Secret extends Concealed<string> {}
