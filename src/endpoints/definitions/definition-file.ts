import type { DefaultCheck } from '../values/default-check.js';
import type { EndpointKind } from './endpoint-definition.js';

/** An endpoint file as it was read. */
export interface DefinitionFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly text: string;
  /** The kind that the folder stands for. */
  readonly kind: EndpointKind;
  readonly projectRoot: string;
  /** Shared by all files of one load. */
  readonly defaults: DefaultCheck;
}
