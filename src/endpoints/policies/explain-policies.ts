import type { Caller } from '../../caller/index.js';
import { formatPlace, MxcpError, type SourcePosition } from '../../errors/index.js';
import type { EndpointPolicies, PolicyOutcome } from '../../policies/index.js';
import type { EndpointDefinition } from '../definitions/endpoint-definition.js';
import type { EndpointSet } from '../callable/endpoint-set.js';

/** An endpoint or an SQL tool. */
export type ExplainedEndpoint = Pick<
  EndpointDefinition,
  'kind' | 'name' | 'parameters' | 'policies' | 'scopes' | 'rateLimit'
> & {
  /** The file with its rules. */
  readonly path: string;
  /** Of a resource. */
  readonly uri?: string | undefined;
  /** Where a rule is written. */
  readonly placeOf: (direction: 'input' | 'output', index: number) => SourcePosition;
};

export function toExplained(definition: EndpointDefinition): ExplainedEndpoint {
  const { positions } = definition;
  const placeOf: ExplainedEndpoint['placeOf'] = (...rule) => positions.key('policies', ...rule, 'condition');
  return { ...definition, placeOf };
}

/** A call whose rules are to be explained. Nothing runs. */
export interface ExplainedCall {
  readonly definition: ExplainedEndpoint;
  readonly caller: Caller;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The answer that output rules are to be evaluated on; without one they are only listed. */
  readonly response?: { readonly value: unknown } | undefined;
}

/** What one rule decided, and what it read. */
export interface RuleExplanation {
  readonly rule: string;
  readonly place: string;
  readonly condition: string;
  readonly action: string;
  readonly enforce: 'on' | 'log';
  /** `failed` counts as `applies`. */
  readonly result: 'applies' | 'does not apply' | 'failed' | 'not evaluated';
  readonly error: string | null;
  /** By the text of what the condition reads; what does not exist is absent. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface PolicyExplanation {
  readonly decision: 'allow' | 'deny';
  readonly reason: string | null;
  /** The rule that denies. */
  readonly decidedBy: string | null;
  readonly rules: readonly RuleExplanation[];
  /** What the access token must have, before any rule is evaluated. */
  readonly scopes: { readonly needed: readonly string[]; readonly missing: readonly string[] };
  readonly rateLimit: EndpointDefinition['rateLimit'];
}

/** Evaluates the rules of an endpoint as a call would. Throws `params_invalid`. */
export function explainPolicies(endpoints: EndpointSet, call: ExplainedCall): PolicyExplanation {
  const { definition, caller, parameters, response } = call;
  const { policies, scopes: needed, rateLimit } = definition;
  const missing = needed.filter((scope) => !caller.scopes.includes(scope));
  const beside = { scopes: { needed, missing }, rateLimit };
  const allowed = { decision: 'allow', reason: null, decidedBy: null } as const;
  const lacking = {
    decision: 'deny',
    reason: `the access token lacks ${missing.join(' ')}`,
    decidedBy: 'scopes',
  } as const;
  const unruled = missing.length > 0 ? lacking : allowed;
  if (policies === undefined) return { ...unruled, rules: [], ...beside };
  const { values } = readerOf(endpoints, definition).read(parameters);
  const bound = Object.fromEntries(definition.parameters.map(({ name }) => [name, values[name] ?? null]));
  const input = policies.checkInput(caller, values);
  const isAnswered = input.deniedBy === undefined && response !== undefined;
  const output = isAnswered ? policies.checkOutput(caller, response.value) : undefined;
  const user = policies.userOf(caller);
  const rules = [
    ...explainRules(definition, policies, { direction: 'input', outcome: input, values: { ...bound, user } }),
    ...explainRules(definition, policies, {
      direction: 'output',
      outcome: output,
      values: isAnswered ? { response: response.value, user } : { user },
    }),
  ];
  const denied = input.deniedBy ?? output?.deniedBy;
  if (denied === undefined || missing.length > 0) return { ...unruled, rules, ...beside };
  return { decision: 'deny', reason: denied.rule.reason ?? null, decidedBy: denied.rule.name, rules, ...beside };
}

function readerOf(endpoints: EndpointSet, { kind, name, uri = name }: ExplainedEndpoint) {
  const found =
    kind === 'resource'
      ? endpoints.resources.find(uri)?.resource
      : (kind === 'tool' ? endpoints.tools : endpoints.prompts).get(name);
  if (found === undefined) throw new MxcpError('endpoint_not_found', `there is no ${kind} "${name}"`);
  return found.arguments;
}

interface ExplainedRules {
  readonly direction: 'input' | 'output';
  readonly outcome: PolicyOutcome | undefined;
  readonly values: Readonly<Record<string, unknown>>;
}

function explainRules(
  { placeOf }: ExplainedEndpoint,
  { rules }: EndpointPolicies,
  { direction, outcome, values }: ExplainedRules,
): readonly RuleExplanation[] {
  return rules
    .filter((rule) => rule.direction === direction)
    .map((rule) => {
      const found = outcome?.outcomes.find((each) => each.rule === rule);
      const read = rule.condition.reads.flatMap(({ text, keys }) => {
        const value = valueAt(values, keys);
        return value === undefined ? [] : [[text, value] as const];
      });
      return {
        rule: rule.name,
        place: formatPlace(placeOf(direction, rule.index)),
        condition: rule.condition.text,
        action: rule.action,
        enforce: rule.isEnforced ? ('on' as const) : ('log' as const),
        result: toResult(found),
        error: found?.error ?? null,
        values: Object.fromEntries(read),
      };
    });
}

function toResult(found: PolicyOutcome['outcomes'][number] | undefined): RuleExplanation['result'] {
  if (found === undefined) return 'not evaluated';
  if (found.error !== undefined) return 'failed';
  return found.applies ? 'applies' : 'does not apply';
}

function valueAt(values: unknown, keys: readonly string[]): unknown {
  let value = values;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
