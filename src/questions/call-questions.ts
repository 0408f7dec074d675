import { MxcpError } from '../errors/index.js';
import {
  CannotAsk,
  type GivenAnswer,
  type GivenAnswers,
  type Question,
  type QuestionKind,
  QuestionsAsked,
  type Reply,
} from './question.js';
import type { CallIdentity, OpenedState, QuestionStates, SharedConfirmations } from './question-states.js';

/** How questions reach the client of a call. */
export interface Asking {
  readonly kinds: ReadonlySet<QuestionKind>;
  /** Whether the transport asks within this call and makes the next attempt itself, so that only the last one is logged. */
  readonly waits: boolean;
}

/** An endpoint that may ask its client. */
export interface AskingEndpoint {
  /** The label, as messages name it. */
  readonly endpoint: string;
  /** Changes with everything that a person agrees to. Computed when it is needed. */
  readonly digest: () => string;
}

/** One attempt at a call, as far as questions are concerned. */
export interface Attempt {
  readonly call: CallIdentity;
  /** Absent when the client cannot be asked. Called only where there is a question. */
  readonly asking: (() => Asking) | undefined;
  /** Absent for the first attempt at a call. */
  readonly reply: Reply | undefined;
  /** Undefined where no question can be asked. */
  readonly states: QuestionStates | undefined;
  /** Of the configuration of the generation that runs the attempt. */
  readonly shared: SharedConfirmations | undefined;
  /** What the state of the reply says. */
  readonly opened: OpenedState | undefined;
}

/**
 * Opens what the client has sent back, before anything is leased. Undefined for the first attempt at a call. `onOpened` learns whose answer it is,
 * also where it is refused. Throws `confirmation_invalid`, `confirmation_expired`, `confirmation_used`, `confirmation_cancelled`.
 */
export function openReply(
  { call, reply, states, shared }: Omit<Attempt, 'opened'>,
  onOpened: (opened: OpenedState) => void,
): OpenedState | undefined {
  if (reply?.state === undefined) return undefined;
  if (states === undefined) throw new MxcpError('confirmation_invalid', 'this server asks no questions');
  const opened = states.open(reply.state, call, shared);
  onOpened(opened);
  states.assertUsable(opened);
  if (reply.failure === undefined) return opened;
  if ('timedOut' in reply.failure) throw states.expired();
  throw new MxcpError('confirmation_cancelled', `the client did not answer the question: ${reply.failure.reason}`);
}

/** The questions and answers of one attempt. Nothing of it outlives the attempt: the state that the client keeps does. */
export class CallQuestions {
  /** Of earlier attempts and of this one, by the key of their question. */
  readonly answers: GivenAnswers;
  readonly #endpoint: AskingEndpoint;
  readonly #attempt: Attempt;

  constructor(endpoint: AskingEndpoint, attempt: Attempt, answers: GivenAnswers) {
    this.answers = answers;
    this.#endpoint = endpoint;
    this.#attempt = attempt;
  }

  /** What the client can be asked for. */
  get kinds(): ReadonlySet<QuestionKind> {
    const { states, asking } = this.#attempt;
    return (states && asking?.().kinds) ?? NOTHING;
  }

  /** Ends the attempt: the client gets the questions, with the state of the call. Throws `confirmation_unsupported` if it cannot be asked. */
  ask(questions: readonly Question[], answers = this.answers): never {
    const { states, call, shared, opened: earlier } = this.#attempt;
    const unsupported = questions.map(({ kind }) => kind).filter((kind) => !this.kinds.has(kind));
    if (states === undefined || unsupported.length > 0) return this.refuse(unsupported);
    const definition = this.#endpoint.digest();
    throw states.seal(new QuestionsAsked(questions), call, { definition, answers, shared, earlier });
  }

  /** Throws `confirmation_unsupported`. */
  refuse(kinds: readonly QuestionKind[]): never {
    throw new CannotAsk(kinds, `${this.#endpoint.endpoint} asks before it runs, and this client cannot be asked`);
  }
}

/** What the keys of questions begin with that code does not ask. The worker refuses it. */
const OWN_KEYS = 'mxcp.';

const NOTHING: ReadonlySet<QuestionKind> = new Set();

/**
 * Gathers what the client has answered. The state is used up as soon as one answer is there; without any, the same questions are asked
 * again. Throws `confirmation_outdated` and what `QuestionStates.claim` throws.
 */
export async function takeAnswers(endpoint: AskingEndpoint, attempt: Attempt): Promise<CallQuestions> {
  const { opened, reply, states, shared } = attempt;
  const sent = answersIn(reply);
  if (opened === undefined) return new CallQuestions(endpoint, attempt, withoutOwn(sent));
  if (opened.definition !== endpoint.digest())
    throw new MxcpError(
      'confirmation_outdated',
      `${endpoint.endpoint} has changed since the question was asked; call again to be asked again`,
    );
  const fresh = Array.from(opened.pending).flatMap(([key, digest]) => {
    const given = sent.get(key);
    return given === undefined ? [] : [[key, { ...given, digest }] as const];
  });
  if (fresh.length > 0) await states?.claim(opened, shared);
  return new CallQuestions(endpoint, attempt, new Map([...opened.answers, ...fresh]));
}

/** Nothing agrees to what only the server asks before it has asked. */
function withoutOwn(sent: GivenAnswers): GivenAnswers {
  return new Map([...sent].filter(([key]) => !key.startsWith(OWN_KEYS)));
}

/** Whether a reply answers at least one of the questions that were asked last. */
export function answersAny({ pending }: OpenedState, reply: Reply | undefined): boolean {
  const sent = answersIn(reply);
  return [...pending.keys()].some((key) => sent.has(key));
}

/** What the client has sent, whatever it was asked. */
function answersIn(reply: Reply | undefined): GivenAnswers {
  const entries = Object.entries(reply?.answers ?? {});
  return new Map<string, GivenAnswer>(
    entries.flatMap(([key, answer]) => (isObject(answer) ? [[key, { digest: undefined, answer }]] : [])),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
