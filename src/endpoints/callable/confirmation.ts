import { setTimeout as delay } from 'node:timers/promises';
import { addDecision, type Caller, type Decision } from '../../caller/index.js';
import { conflictWaits, type QueryableDatabase } from '../../duckdb/index.js';
import { MxcpError, visible } from '../../errors/index.js';
import type { CallGate } from '../../lifecycle/index.js';
import { type PreparedTemplate, prepareTemplate, type RenderAnswer, type Renderers } from '../../prompts/index.js';
import { type CallQuestions, digestOf, type GivenAnswers } from '../../questions/index.js';
import type { CallArguments } from '../../values/index.js';
import type { ConfirmRule } from '../definitions/endpoint-definition.js';
import { renderTexts } from './render-prompt.js';

/** A call that a person must agree to. It gets what the person decided. */
export interface ConfirmedCall {
  readonly context: { readonly caller: Caller; readonly isOwner?: boolean | undefined };
  readonly deadline: { readonly signal: AbortSignal };
  readonly generation: { readonly database: Pick<QueryableDatabase, 'countChanges'> };
  decision?: Decision | undefined;
}

interface Asked {
  readonly callArguments: CallArguments;
  readonly questions: CallQuestions;
  /** Set for a resource that a prompt holds: the prompt asks, which may hold several and is not this endpoint. */
  readonly within?: { readonly place: string; readonly definition: string } | undefined;
}

export interface ConfirmationServices {
  readonly gate: CallGate;
  readonly renderers: Renderers;
}

/** How audit log, log and traces name this protection. */
const POLICY = 'confirm';
/** No question of code can have this key. */
const KEY = 'mxcp.confirm';
/** People read it in a dialogue. */
const MAX_MESSAGE_BYTES = 4096;

/** What an endpoint asks a person before it runs. */
export class Confirmation {
  readonly #endpoint: string;
  readonly #rule: ConfirmRule;
  readonly #template: PreparedTemplate;
  /** What `{{ rows }}` counts; undefined when the template does not read it. */
  readonly #counted: string | undefined;

  constructor(endpoint: string, rule: ConfirmRule, sql: string | undefined) {
    this.#endpoint = endpoint;
    this.#rule = rule;
    this.#template = prepareTemplate(rule.message);
    this.#counted = rule.countsRows ? sql : undefined;
  }

  /**
   * Returns when the person has agreed to this very call. Nothing is held while a person thinks: the attempt ends with the question, and
   * the next one finds the answer. Throws `QuestionsAsked`, `confirmation_declined`, `confirmation_cancelled`, `confirmation_unsupported`,
   * and what rendering and counting throw.
   */
  async require(
    { callArguments, questions, within }: Asked,
    call: ConfirmedCall,
    services: ConfirmationServices,
  ): Promise<void> {
    // The owner of the project types the command that makes the call.
    if (call.context.isOwner === true) return;
    if (!questions.kinds.has('elicitation')) {
      const { whenUnsupported } = this.#rule;
      record(call, CANNOT_ASK[whenUnsupported]);
      return whenUnsupported === 'run' ? undefined : questions.refuse(['elicitation']);
    }
    const params = await this.#toForm(callArguments, call, services);
    const { key, digest } =
      within === undefined
        ? { key: KEY, digest: digestOf(params) }
        : { key: `${KEY}.${within.place}`, digest: digestOf([params, within.definition]) };
    const given = questions.answers.get(key);
    // Otherwise what the person has seen is not what would happen now: there are more rows, for example.
    if (given?.digest !== digest)
      return questions.ask(
        [{ key, kind: 'elicitation', params, digest }],
        within === undefined ? new Map() : withoutKey(questions.answers, key),
      );
    this.#obey(given.answer['action'], call);
  }

  #obey(action: unknown, call: ConfirmedCall): void {
    if (action === 'accept') return record(call, { decision: 'allow', reason: 'confirmed' });
    const isDeclined = action === 'decline';
    const reason = isDeclined ? 'declined by the person who was asked' : 'the question was closed without an answer';
    record(call, { decision: 'deny', reason });
    const code = isDeclined ? 'confirmation_declined' : 'confirmation_cancelled';
    throw new MxcpError(code, `${this.#endpoint} was not called: ${reason}`);
  }

  /** Without fields: clients offer to accept, to decline and to close it. */
  async #toForm(callArguments: CallArguments, call: ConfirmedCall, { gate, renderers }: ConfirmationServices) {
    const { signal } = call.deadline;
    const counted =
      this.#counted === undefined ? {} : { rows: await this.#count(this.#counted, callArguments, call, gate) };
    const values = { ...callArguments.values, ...counted };
    const request = { templates: [this.#rule.message], values, maxBytes: MAX_MESSAGE_BYTES };
    const answer = await renderTexts(this.#endpoint, [this.#template], { request, renderers, signal });
    if (answer.kind !== 'rendered') throw unasked(this.#endpoint, answer);
    const [text = ''] = answer.texts;
    // A value must not hide what the rest of the question says.
    const message = visible(text, '\n\t');
    return { message, requestedSchema: { type: 'object', properties: {} } };
  }

  /** Again while others change the same rows, until the time of the call is over. */
  async #count(sql: string, callArguments: CallArguments, call: ConfirmedCall, gate: CallGate): Promise<number> {
    const { signal } = call.deadline;
    for (const waits = conflictWaits(); ; ) {
      const rows = await this.#countOnce(sql, callArguments, call, gate);
      if (rows !== undefined) return rows;
      // The gate reports that the signal has ended the wait.
      await delay(waits.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Waits for a slot of the gate like any SQL, and gives it back before the person is asked. */
  async #countOnce(
    sql: string,
    { bindings }: CallArguments,
    { context: { caller }, deadline: { signal }, generation: { database } }: ConfirmedCall,
    gate: CallGate,
  ): Promise<number | undefined> {
    const release = await gate.acquire(this.#endpoint, signal);
    try {
      return await database.countChanges(sql, bindings, { caller, signal, endpoint: this.#endpoint });
    } finally {
      release();
    }
  }
}

function withoutKey(answers: GivenAnswers, key: string): GivenAnswers {
  return new Map([...answers].filter(([each]) => each !== key));
}

function unasked(endpoint: string, answer: Exclude<RenderAnswer, { readonly kind: 'rendered' }>): MxcpError {
  const reason = answer.kind === 'too_large' ? `it is longer than ${MAX_MESSAGE_BYTES} bytes` : answer.reason;
  return new MxcpError('prompt_failed', `the question of ${endpoint} cannot be rendered: ${reason}`);
}

const CANNOT_ASK = {
  run: { decision: 'warn', reason: 'not confirmed: the client cannot be asked' },
  refuse: { decision: 'deny', reason: 'the client cannot be asked' },
} as const;

function record(call: ConfirmedCall, decided: Pick<Decision, 'decision' | 'reason'>): void {
  call.decision = addDecision(call.decision, { ...decided, policies: [POLICY] });
}
