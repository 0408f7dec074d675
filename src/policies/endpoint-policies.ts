import type { Caller } from '../caller/index.js';
import { toCelValue, toUserRecord, toUserValue, unknownValue } from './cel/cel-values.js';
import type { Bindings, Condition, Verdict } from './cel/condition.js';
import { type DeclaredType, hasSensitive } from './cel/declared-type.js';
import type { GuardedEndpoint, PolicyAction } from './policy-rules.js';

/** One rule, ready to be evaluated. */
export interface CompiledRule {
  /** `input[0]`: where the endpoint file has it. */
  readonly name: string;
  readonly direction: 'input' | 'output';
  readonly index: number;
  readonly condition: Condition;
  readonly action: PolicyAction;
  readonly fields: readonly string[];
  /** What a refused client learns. */
  readonly reason: string | undefined;
  /** False with `enforce: log`: what the rule would have done is reported and not done. */
  readonly isEnforced: boolean;
}

export interface FieldChanges {
  readonly filtered: readonly string[];
  readonly masked: readonly string[];
  /** Whether some callers do not get what is declared `sensitive`. */
  readonly withoutSensitive: boolean;
}

export type AnswerChange = Pick<CompiledRule, 'action' | 'fields'>;

/** What became of a rule in one call. */
export interface RuleOutcome {
  readonly rule: CompiledRule;
  /** Whether its action is due: its condition holds, or could not be evaluated. */
  readonly applies: boolean;
  /** Why its condition could not be evaluated. */
  readonly error: string | undefined;
}

/** What the rules of one direction decide. They are evaluated in order, up to the first that denies. */
export interface PolicyOutcome {
  readonly outcomes: readonly RuleOutcome[];
  /** The rule that denies the call. */
  readonly deniedBy: RuleOutcome | undefined;
}

/**
 * The rules of one endpoint. They belong to its definition, so a generation keeps those that it was built with. A condition that
 * cannot be evaluated counts as one that holds: it denies, filters or masks.
 */
export class EndpointPolicies {
  readonly rules: readonly CompiledRule[];
  /** Whether a condition reads the answer, which then has to be parsed as a whole. */
  readonly readsResponse: boolean;
  readonly #input: readonly CompiledRule[];
  readonly #output: readonly CompiledRule[];
  readonly #parameters: readonly (DeclaredType & { readonly name: string })[];
  readonly #returns: DeclaredType | undefined;

  constructor(rules: readonly CompiledRule[], { parameters, returns }: GuardedEndpoint) {
    this.rules = rules;
    this.#parameters = parameters;
    this.#returns = returns;
    this.#input = rules.filter(({ direction }) => direction === 'input');
    this.#output = rules.filter(({ direction }) => direction === 'output');
    this.readsResponse = this.#output.some((rule) => readsBeyondUser(rule));
  }

  /** The user as conditions read it, for people. */
  userOf(caller: Caller): Readonly<Record<string, unknown>> {
    return toUserRecord(caller);
  }

  get hasInputRules(): boolean {
    return this.#input.length > 0;
  }

  get hasOutputRules(): boolean {
    return this.#output.length > 0;
  }

  /** `values` are the arguments after defaults and checks; a parameter without a value is null. */
  checkInput(caller: Caller, values: Readonly<Record<string, unknown>>): PolicyOutcome {
    return evaluateRules(this.#input, () => this.#inputBindings(caller, values));
  }

  /** `response` is undefined where no condition reads it. */
  checkOutput(caller: Caller, response: unknown): PolicyOutcome {
    return evaluateRules(this.#output, () => ({
      user: toUserValue(caller),
      response: response === undefined ? unknownValue() : toCelValue(response, this.#returns),
    }));
  }

  /** How the answer is to be changed, in order. */
  changesOf({ outcomes }: PolicyOutcome): readonly AnswerChange[] {
    const due = outcomes.filter(({ rule, applies }) => applies && rule.isEnforced && rule.action !== 'deny');
    return due.map(({ rule: { action, fields } }) => ({ action, fields }));
  }

  /**
   * Whether a call may be allowed, as far as that does not depend on its arguments. A rule that reads only the user is decided; any
   * other one denies if it would for all arguments.
   */
  mayCall(caller: Caller): boolean {
    const denying = this.#input.filter(({ action, isEnforced }) => action === 'deny' && isEnforced);
    if (denying.length === 0) return true;
    const unknown = this.#parameters.map(({ name }) => [name, unknownValue()] as const);
    const bindings = { ...Object.fromEntries(unknown), user: toUserValue(caller) };
    return denying.every((rule) => {
      const verdict = rule.condition.evaluate(bindings);
      return 'error' in verdict ? readsBeyondUser(rule) : !verdict.holds;
    });
  }

  /** What an answer may lack, or have as another type, because of a rule. */
  get fieldChanges(): FieldChanges {
    const fieldsOf = (action: PolicyAction): readonly string[] =>
      this.#output.filter((rule) => rule.action === action).flatMap(({ fields }) => fields);
    const sensitive = this.#output.some(({ action }) => action === 'filter_sensitive_fields');
    const isSensitive = sensitive && this.#returns !== undefined && hasSensitive(this.#returns);
    return { filtered: fieldsOf('filter_fields'), masked: fieldsOf('mask_fields'), withoutSensitive: isSensitive };
  }

  #inputBindings(caller: Caller, values: Readonly<Record<string, unknown>>): Bindings {
    const given = new Map<string, unknown>(Object.entries(values));
    const bound = this.#parameters.map((parameter) => [
      parameter.name,
      toCelValue(given.get(parameter.name), parameter),
    ]);
    return { ...Object.fromEntries(bound), user: toUserValue(caller) };
  }
}

function readsBeyondUser({ condition }: CompiledRule): boolean {
  return condition.reads.some(({ keys: [variable] }) => variable !== 'user');
}

/** An error while the values are prepared is an error of every condition. */
function evaluateRules(rules: readonly CompiledRule[], bind: () => Bindings): PolicyOutcome {
  if (rules.length === 0) return NOTHING;
  let evaluate: (condition: Condition) => Verdict;
  try {
    const bindings = bind();
    evaluate = (condition) => condition.evaluate(bindings);
  } catch (error) {
    const reason = `its values could not be read: ${error instanceof Error ? error.message : String(error)}`;
    evaluate = () => ({ error: reason });
  }
  const outcomes: RuleOutcome[] = [];
  for (const rule of rules) {
    const verdict = evaluate(rule.condition);
    const error = 'error' in verdict ? verdict.error : undefined;
    const outcome = { rule, error, applies: 'error' in verdict || verdict.holds };
    outcomes.push(outcome);
    if (outcome.applies && rule.action === 'deny' && rule.isEnforced) return { outcomes, deniedBy: outcome };
  }
  return { outcomes, deniedBy: undefined };
}

const NOTHING: PolicyOutcome = { outcomes: [], deniedBy: undefined };
