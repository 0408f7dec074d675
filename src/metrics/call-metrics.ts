import { Counter, Histogram, type Registry } from 'prom-client';
import type { Decision } from '../caller/index.js';
import { CALL_METHODS, type ObservedCall, type ServerObserver } from '../telemetry/index.js';

type Kind = ObservedCall['kind'];

/** An endpoint of the project: a tool or prompt by its name, a resource by its URI or URI template. */
export interface NamedEndpoint {
  readonly kind: Kind;
  readonly name: string;
}

/** Endpoints with series of their own. The calls of further ones are counted together. */
const MAX_ENDPOINTS = 200;
/** No endpoint can have these names: a tool or prompt has no parenthesis, a URI begins with its scheme. */
const OTHER = '(other)';
const UNKNOWN = '(unknown)';

/** Those of the OpenTelemetry conventions for `mcp.server.operation.duration`, and three for short SQL. */
const DURATION_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** Up to what a model can read at once (100 KiB, the default of `max_bytes`), and what only programs read. */
const SIZE_BUCKETS = [400, 2000, 10_000, 40_000, 102_400, 1_048_576];

/** The label that has the name of an endpoint, as the OpenTelemetry conventions name it. */
const NAME_LABELS = { tool: 'gen_ai_tool_name', resource: 'mcp_resource_uri', prompt: 'gen_ai_prompt_name' } as const;

/**
 * Counts and times calls by endpoint and outcome. A caller cannot add series: endpoints that do not exist share one name, and so
 * do those beyond the limit.
 */
export class CallMetrics implements ServerObserver {
  readonly #total: Counter;
  readonly #duration: Histogram;
  readonly #answerBytes: Histogram;
  readonly #shortened: Counter;
  readonly #policyEvaluations: Counter;
  readonly #policyDenials: Counter;
  readonly #policyErrors: Counter;
  /** The outcomes with which each endpoint was counted, so that its series can be removed. */
  readonly #counted = new Map<string, { readonly endpoint: NamedEndpoint; readonly outcomes: Set<string> }>();

  constructor(registry: Registry) {
    this.#total = new Counter({
      name: 'mxcp_calls_total',
      help: 'Calls that have ended, by kind and name of the endpoint and by outcome: success or an error code.',
      labelNames: ['kind', 'name', 'outcome'],
      registers: [registry],
    });
    this.#duration = new Histogram({
      name: 'mcp_server_operation_duration_seconds',
      help: 'Duration of calls, waiting included. error_type is the error code, and absent for a success.',
      labelNames: ['mcp_method_name', 'gen_ai_tool_name', 'gen_ai_prompt_name', 'mcp_resource_uri', 'error_type'],
      buckets: DURATION_BUCKETS,
      registers: [registry],
    });
    this.#answerBytes = new Histogram({
      name: 'mxcp_answer_bytes',
      help: 'Size of the results of calls as text, by kind and name of the endpoint. A quarter of it is about the number of tokens.',
      labelNames: ['kind', 'name'],
      buckets: SIZE_BUCKETS,
      registers: [registry],
    });
    this.#shortened = new Counter({
      name: 'mxcp_answers_shortened_total',
      help: 'Results that did not fit, by kind and name of the endpoint and by the limit that they reached: rows or bytes.',
      labelNames: ['kind', 'name', 'because'],
      registers: [registry],
    });
    [this.#policyEvaluations, this.#policyDenials, this.#policyErrors] = createPolicyCounters(registry);
  }

  callEnded({ kind, endpoint: declared, failure, durationMs, decision, answer }: ObservedCall): void {
    const name = this.nameOf(kind, declared);
    const outcome = failure?.code ?? 'success';
    this.#outcomesOf({ kind, name }).add(outcome);
    this.#total.inc({ kind, name, outcome });
    this.#duration.observe(toOperation({ kind, name }, outcome), durationMs / 1000);
    if (decision !== undefined) this.#countPolicies({ kind, name }, decision);
    if (answer === undefined) return;
    this.#answerBytes.observe({ kind, name }, answer.bytes);
    const { because } = answer.shortened ?? {};
    if (because !== undefined) this.#shortened.inc({ kind, name, because });
  }

  /** Rate limits decide about calls too, without rules of this form. The rules for rows have no outcome but a refusal. */
  #countPolicies(endpoint: NamedEndpoint, { decision, policies, onlyLogged, failed }: Decision): void {
    const rules = policies.filter((rule) => /^(?:in|out)put\[/.test(rule)).length;
    if (rules > 0) this.#policyEvaluations.inc({ decision }, rules);
    else if (!policies.includes('protect')) return;
    if (decision === 'deny') this.#policyDenials.inc({ ...endpoint, enforce: 'on' });
    if (onlyLogged !== undefined) this.#policyDenials.inc({ ...endpoint, enforce: 'log' });
    this.#policyErrors.inc(Object.keys(failed ?? {}).length);
  }

  /** The name of an endpoint as a label. Only `callEnded` and `showOnly` give an endpoint series of its own. */
  nameOf(kind: Kind, declared: string | undefined): string {
    if (declared === undefined) return UNKNOWN;
    return this.#counted.has(keyOf({ kind, name: declared })) || this.#counted.size < MAX_ENDPOINTS ? declared : OTHER;
  }

  /**
   * Removes the series of endpoints that are no longer served, which makes room for new ones, and shows those that are served from
   * their first moment, so that `rate()` sees the first call.
   */
  showOnly(served: readonly NamedEndpoint[]): void {
    const keys = new Set(served.map(keyOf));
    for (const [key, { endpoint, outcomes }] of this.#counted) {
      if (keys.has(key) || isShared(endpoint)) continue;
      this.#counted.delete(key);
      for (const outcome of outcomes) {
        this.#total.remove({ ...endpoint, outcome });
        this.#duration.remove(toOperation(endpoint, outcome));
      }
      this.#answerBytes.remove({ ...endpoint });
      for (const because of ['rows', 'bytes']) this.#shortened.remove({ ...endpoint, because });
      for (const enforce of ['on', 'log']) this.#policyDenials.remove({ ...endpoint, enforce });
    }
    // With more endpoints than that, those that are called get the room.
    if (served.length > MAX_ENDPOINTS) return;
    for (const { kind, name: declared } of served) {
      const name = this.nameOf(kind, declared);
      this.#outcomesOf({ kind, name }).add('success');
      this.#total.inc({ kind, name, outcome: 'success' }, 0);
    }
  }

  #outcomesOf(endpoint: NamedEndpoint): Set<string> {
    const key = keyOf(endpoint);
    const found = this.#counted.get(key);
    if (found !== undefined) return found.outcomes;
    const outcomes = new Set<string>();
    this.#counted.set(key, { endpoint, outcomes });
    return outcomes;
  }
}

function keyOf({ kind, name }: NamedEndpoint): string {
  return `${kind} ${name}`;
}

function isShared({ name }: NamedEndpoint): boolean {
  return name === OTHER || name === UNKNOWN;
}

function toOperation({ kind, name }: NamedEndpoint, outcome: string): Record<string, string> {
  const labels = { mcp_method_name: CALL_METHODS[kind], [NAME_LABELS[kind]]: name };
  return outcome === 'success' ? labels : { ...labels, error_type: outcome };
}

function createPolicyCounters(registry: Registry): readonly [evaluations: Counter, denials: Counter, errors: Counter] {
  return [
    new Counter({
      name: 'mxcp_policy_evaluations_total',
      help: 'Rules of policies that were evaluated, by the decision about their call: allow, warn or deny.',
      labelNames: ['decision'],
      registers: [registry],
    }),
    new Counter({
      name: 'mxcp_policy_denials_total',
      help: 'Calls that a policy or the rules for rows have denied, by kind and name of the endpoint. enforce is log for calls that a rule would have denied or changed.',
      labelNames: ['kind', 'name', 'enforce'],
      registers: [registry],
    }),
    new Counter({
      name: 'mxcp_policy_errors_total',
      help: 'Conditions of policies that could not be evaluated, and so counted as applying.',
      registers: [registry],
    }),
  ];
}
