import { MxcpError } from '../errors/index.js';

/** What a client can be asked for: the input of a person, an answer of its model, or the folders it works on. */
export type QuestionKind = 'elicitation' | 'sampling' | 'roots';

/** Something that a call must know before it can continue. */
export interface Question {
  /** Unique within the call; the client answers by it. */
  readonly key: string;
  readonly kind: QuestionKind;
  /** As the protocol has them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Of kind and parameters: an answer counts only for the question that was asked. */
  readonly digest: string;
}

/** What the client answered, in the form of the protocol. */
export interface GivenAnswer {
  /** Of the question; undefined for an answer that came before any question. */
  readonly digest: string | undefined;
  readonly answer: Readonly<Record<string, unknown>>;
}

export type GivenAnswers = ReadonlyMap<string, GivenAnswer>;

/** How a client answers the questions of an earlier attempt at the same call. */
export interface Reply {
  /** As the client got it with the questions. Undefined when the client answers what it was not asked in this call. */
  readonly state: string | undefined;
  /** By the key of the question. Nothing of it has been checked. */
  readonly answers: Readonly<Record<string, unknown>>;
  /** Why there are no answers: the time ran out, or the client reported an error, which this is. */
  readonly failure?: { readonly timedOut: true } | { readonly reason: string } | undefined;
}

/** A question that the client of the call cannot be asked. */
export class CannotAsk extends MxcpError {
  readonly kinds: readonly QuestionKind[];

  constructor(kinds: readonly QuestionKind[], message: string, logMessage = message) {
    super('confirmation_unsupported', message, { logMessage });
    this.kinds = kinds;
  }
}

/** Ends an attempt at a call whose questions the client must answer first. The call then runs again from its start. */
export class QuestionsAsked extends MxcpError {
  readonly questions: readonly Question[];
  /** What the client sends back with its answers; empty until it is sealed. */
  readonly state: string;
  /** How long the state lasts. */
  readonly lifetimeMs: number;
  /** The same for all questions of one call, as the audit log has it. */
  readonly id: string;

  constructor(questions: readonly Question[], { state, lifetimeMs, id } = { state: '', lifetimeMs: 0, id: '' }) {
    super('input_required', `the call continues when its client has answered: ${questions.map(shownText).join('; ')}`);
    this.questions = questions;
    this.state = state;
    this.lifetimeMs = lifetimeMs;
    this.id = id;
  }
}

function shownText({ kind, params: { message } }: Question): string {
  const what = { elicitation: 'a question', sampling: 'a request to its model', roots: 'which folders it works on' };
  return typeof message === 'string' ? message : what[kind];
}
