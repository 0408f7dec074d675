import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../caller/index.js';
import { MxcpError } from '../errors/index.js';
import { type GivenAnswers, QuestionsAsked } from './question.js';
import { MAX_STATE_LENGTH, StateKey } from './state-keys.js';
import { alreadyUsed, type StateIdentity, UsedStates } from './used-states.js';

/** What several replicas share, and what outlives a restart. It belongs to the configuration. */
export interface SharedConfirmations {
  /** The first one seals; all of them open. */
  readonly keys: readonly string[];
  /** Where used states are recorded. */
  readonly folder: string;
}

/** Who makes a call, what it calls, and with which arguments. */
export interface CallIdentity {
  readonly caller: Caller;
  readonly kind: string;
  readonly name: string;
  readonly sent: Readonly<Record<string, unknown>>;
}

/** What a state says, once it is known to be that of this call. */
export interface OpenedState extends StateIdentity {
  /** The same in every round of one call. */
  readonly id: string;
  /** Of the endpoint as it was when it asked. */
  readonly definition: string;
  /** Of the rounds before. */
  readonly answers: GivenAnswers;
  /** The digest of each question that was asked last, by its key. */
  readonly pending: ReadonlyMap<string, string>;
}

const identity = z.string().regex(/^[0-9a-f]{32}$/);

const contents = z.strictObject({
  id: identity,
  nonce: identity,
  expiresAt: z.int(),
  call: z.string(),
  definition: z.string(),
  answers: z.array(z.tuple([z.string(), z.string(), z.record(z.string(), z.unknown())])),
  pending: z.array(z.tuple([z.string(), z.string()])),
});

const NONCE_BYTES = 16;

/**
 * Seals what a call must remember while its client answers a question, and opens it again: on this server, after a reload or restart, or on
 * another replica. The server keeps no state of a call that waits for its client, only which states were used.
 */
export class QuestionStates {
  /** How long a client may take to answer. */
  readonly answerTimeoutMs: number;
  readonly #own = StateKey.random();
  readonly #used: UsedStates;
  /** Keys are derived once for each configuration. */
  readonly #derived = new WeakMap<SharedConfirmations, readonly StateKey[]>();

  constructor(answerTimeoutMs: number, onWarning: (message: string) => void) {
    this.answerTimeoutMs = answerTimeoutMs;
    this.#used = new UsedStates(onWarning);
  }

  /** The same questions, with the state that the client must send back. Throws `params_invalid` when the answers so far are too large. */
  seal(
    { questions }: QuestionsAsked,
    call: CallIdentity,
    {
      definition,
      answers,
      shared,
      earlier,
    }: Pick<OpenedState, 'definition' | 'answers'> & {
      readonly shared: SharedConfirmations | undefined;
      /** Of the round before. */
      readonly earlier?: Pick<OpenedState, 'id'> | undefined;
    },
  ): QuestionsAsked {
    const nonce = randomBytes(NONCE_BYTES).toString('hex');
    const { id } = earlier ?? { id: nonce };
    const text = JSON.stringify({
      id,
      nonce,
      expiresAt: Date.now() + this.answerTimeoutMs,
      call: digestOfCall(call),
      definition,
      answers: Array.from(answers).flatMap(([key, { digest, answer }]) =>
        digest === undefined ? [] : [[key, digest, answer]],
      ),
      pending: questions.map(({ key, digest }) => [key, digest]),
    } satisfies z.input<typeof contents>);
    const [key = this.#own] = this.#keysOf(shared);
    const state = key.seal(text);
    if (state.length > MAX_STATE_LENGTH)
      throw new MxcpError('params_invalid', `the answers so far are larger than ${MAX_STATE_LENGTH / 1024} KiB`);
    return new QuestionsAsked(questions, { state, lifetimeMs: this.answerTimeoutMs, id });
  }

  /** Throws `confirmation_invalid`. It does not use the state up. */
  open(state: string, call: CallIdentity, shared: SharedConfirmations | undefined): OpenedState {
    const text = this.#keysOf(shared)
      .map((key) => key.open(state))
      .find((opened) => opened !== undefined);
    // A replica of another version may seal other contents with the same key.
    const opened = text === undefined ? undefined : contents.safeParse(JSON.parse(text)).data;
    if (opened === undefined || opened.call !== digestOfCall(call)) throw invalid();
    const answers = opened.answers.map(([key, digest, answer]) => [key, { digest, answer }] as const);
    return { ...opened, answers: new Map(answers), pending: new Map(opened.pending) };
  }

  /** Throws `confirmation_expired`, `confirmation_used`. */
  assertUsable(state: StateIdentity): void {
    if (state.expiresAt < Date.now()) throw this.expired();
    if (this.#used.isUsed(state)) throw alreadyUsed();
  }

  /** Whether the state comes with an answer for the first time; it then no longer does. */
  isFirstTry(state: StateIdentity): boolean {
    return this.#used.isFirstTry(state);
  }

  expired(): MxcpError {
    const seconds = this.answerTimeoutMs / 1000;
    return new MxcpError(
      'confirmation_expired',
      `the question was not answered within ${seconds} s; call again to be asked again`,
    );
  }

  /** Uses the state up. Throws what `UsedStates.claim` throws. */
  claim(state: StateIdentity, shared: SharedConfirmations | undefined): Promise<void> {
    return this.#used.claim(state, shared?.folder);
  }

  /** Without keys of the configuration, the one of this process. */
  #keysOf(shared: SharedConfirmations | undefined): readonly StateKey[] {
    if (shared === undefined) return [this.#own];
    const known = this.#derived.get(shared) ?? shared.keys.map((key) => new StateKey(key));
    this.#derived.set(shared, known);
    return known;
  }
}

/** The same for foreign and forged states: an attacker learns nothing. */
function invalid(): MxcpError {
  const message = 'this answer does not belong to this call; call again without `requestState` to be asked again';
  return new MxcpError('confirmation_invalid', message);
}

/** Rights may change while a person thinks, and are checked again; who calls may not. */
function digestOfCall({ caller: { provider, userId, username }, kind, name, sent }: CallIdentity): string {
  return digestOf([provider, userId, username, kind, name, sent]);
}

/** Arguments that a call accepts are less deep. */
const MAX_DEPTH = 100;

/** The same for the same JSON, whatever the order of its keys. Throws `confirmation_invalid` for JSON that is nested too deeply. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value, 0)).digest('hex');
}

function canonical(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) throw invalid();
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member, depth + 1)}`).join(',')}}`;
}
