import { suggestion } from '../errors/index.js';
import { compileCondition } from './cel/condition.js';
import { type StaticType, toStaticType, USER } from './cel/static-types.js';
import type { ConditionFinding } from './cel/type-checker.js';
import { type DeclaredType, hasSensitive } from './cel/declared-type.js';
import { type CompiledRule, EndpointPolicies } from './endpoint-policies.js';
import type { GuardedEndpoint, PolicyAction, PolicyFinding, WrittenPolicies, WrittenRule } from './policy-rules.js';

export interface CompiledPolicies {
  /** Undefined when a finding is a mistake, and when no rule is declared. */
  readonly policies: EndpointPolicies | undefined;
  readonly findings: readonly PolicyFinding[];
}

type Direction = 'input' | 'output';

/** Compiles the rules of one endpoint. There are policies only if no rule has a mistake: one rule may depend on another. */
export function compileRules(written: WrittenPolicies, guarded: GuardedEndpoint): CompiledPolicies {
  const scopes = { input: inputScope(guarded), output: outputScope(guarded) };
  const findings: PolicyFinding[] = [...findShadowed(guarded)];
  const rules: CompiledRule[] = [];
  for (const direction of ['input', 'output'] as const)
    for (const [index, rule] of (written[direction] ?? []).entries()) {
      const at = [direction, index];
      const compiled = compileCondition(rule.condition, scopes[direction]);
      findings.push(...compiled.findings.map((each) => toFinding(each, rule.condition, [...at, 'condition'])));
      findings.push(
        ...[...checkAction(rule, direction, guarded)].map((each) => ({ ...each, at: [...at, ...each.at] })),
      );
      if (compiled.condition === undefined) continue;
      const { action, fields, reason } = rule;
      const isEnforced = (rule.enforce ?? written.enforce) !== 'log';
      rules.push({
        name: `${direction}[${index}]`,
        direction,
        index,
        condition: compiled.condition,
        action,
        fields: fields ?? [],
        reason: reason ?? undefined,
        isEnforced,
      });
    }
  const isSound = findings.every(({ isWarning }) => isWarning);
  return { policies: isSound ? new EndpointPolicies(rules, guarded) : undefined, findings };
}

function inputScope({ parameters }: GuardedEndpoint) {
  const variables = new Map<string, StaticType>();
  for (const parameter of parameters) {
    const isNullable = 'default' in parameter;
    variables.set(parameter.name, toStaticType(parameter, isNullable));
  }
  variables.set('user', USER);
  const explainUnknown = (name: string): string | undefined =>
    name === 'response' ? 'exists only in output policies' : undefined;
  return { variables, explainUnknown };
}

function outputScope({ parameters, returns, kind }: GuardedEndpoint) {
  const response = toStaticType(kind === 'prompt' ? MESSAGES : returns, true);
  const variables = new Map<string, StaticType>([
    ['user', USER],
    ['response', response],
  ]);
  const explainUnknown = (name: string): string | undefined =>
    parameters.some((each) => each.name === name) ? 'is a parameter, which only input policies can read' : undefined;
  return { variables, explainUnknown };
}

/** What a prompt answers. */
const MESSAGE_FIELDS = { prompt: { type: 'string' }, role: { type: 'string' }, type: { type: 'string' } } as const;
const MESSAGES: DeclaredType = {
  type: 'array',
  items: { type: 'object', properties: MESSAGE_FIELDS, additionalProperties: false },
};

function findShadowed({ parameters }: GuardedEndpoint): readonly PolicyFinding[] {
  if (!parameters.some(({ name }) => name === 'user')) return [];
  const message = 'conditions cannot read the parameter "user", because `user` is the caller; rename the parameter';
  return [{ at: [], message, isWarning: true }];
}

function toFinding(
  { message, offset, isWarning }: ConditionFinding,
  text: string,
  at: readonly (string | number)[],
): PolicyFinding {
  const line = text.slice(0, offset).split('\n').length - 1;
  return {
    at,
    message: message.startsWith('the condition ') ? message : `in the condition, ${message}`,
    isWarning,
    ...(text.includes('\n') && { line }),
  };
}

/** Checks that an action can do what it says. One that cannot would protect nothing. */
function* checkAction(
  { action, fields }: WrittenRule,
  direction: Direction,
  { kind, returns }: GuardedEndpoint,
): Generator<PolicyFinding> {
  if (action === 'deny') {
    if (fields) yield { at: ['fields'], message: '`fields` has no effect with `action: deny`', isWarning: true };
    return;
  }
  const mistake = (message: string): PolicyFinding => ({ at: ['action'], message, isWarning: false });
  if (direction === 'input') return yield mistake(`\`${action}\` changes an answer; move the rule to \`output\``);
  if (kind === 'prompt')
    return yield mistake(`\`${action}\` needs fields, and a prompt answers with messages; use \`deny\``);
  if (kind === 'sql tool')
    return yield mistake(`\`${action}\` does not protect a column that the statement can rename; use \`deny\``);
  const row = returns?.type === 'array' ? returns.items : returns;
  if (action === 'filter_sensitive_fields') return yield* checkSensitive(returns, fields);
  if (row !== undefined && row.type !== 'object')
    return yield mistake(`\`${action}\` needs an answer with fields, but \`return\` is ${describe(returns)}`);
  if (!fields?.length) return yield { at: ['fields'], message: `\`${action}\` needs \`fields\``, isWarning: false };
  yield* checkFields(action, fields, row);
}

function* checkSensitive(returns: DeclaredType | undefined, fields: WrittenRule['fields']): Generator<PolicyFinding> {
  if (fields) {
    const message = '`fields` has no effect here; mark the fields with `sensitive: true` in `return`';
    yield { at: ['fields'], message, isWarning: true };
  }
  if (returns !== undefined && hasSensitive(returns)) return;
  const message = 'nothing in `return` is marked `sensitive: true`, so the rule would remove nothing';
  yield { at: ['action'], message, isWarning: false };
}

/** A field that an answer cannot have is misspelt, and the field that was meant would not be protected. */
function* checkFields(action: PolicyAction, fields: readonly string[], row: DeclaredType | undefined) {
  const known = Object.keys(row?.properties ?? {});
  if (known.length === 0) return;
  const lower = new Set(known.map((name) => name.toLowerCase()));
  for (const [index, field] of fields.entries()) {
    if (lower.has(field.toLowerCase())) continue;
    const isClosed = row?.additionalProperties === false;
    const message = `\`${action}\` names "${field}", which \`return\` does not declare${suggestion(field, known)}`;
    yield { at: ['fields', index], message, isWarning: !isClosed };
  }
}

function describe(returns: DeclaredType | undefined): string {
  return returns?.type === 'array' ? `an array of ${returns.items?.type} values` : String(returns?.type);
}
