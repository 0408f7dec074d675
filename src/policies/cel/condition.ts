import {
  type CelFunc,
  CelScalar,
  celEnv,
  celFunc,
  type CelInput,
  celUint,
  isCelError,
  listType,
  parse,
  plan,
} from '@bufbuild/cel';
import { messageOf } from '../../errors/index.js';
import { checkCondition, type CheckScope, type ConditionFinding, type Expr, type ReadPath } from './type-checker.js';

/** What a condition found: whether it holds, or why it could not be evaluated. */
export type Verdict = { readonly holds: boolean } | { readonly error: string };

/** The values of the variables that a condition may read, by name. A function is called only when its value is read. */
export type Bindings = Readonly<Record<string, CelInput>>;

/** A condition that was parsed, checked and planned once, and is evaluated for each call. */
export interface Condition {
  readonly text: string;
  readonly reads: readonly ReadPath[];
  readonly evaluate: (bindings: Bindings) => Verdict;
}

export type CompiledCondition =
  | { readonly condition: Condition; readonly findings: readonly ConditionFinding[] }
  | { readonly condition?: undefined; readonly findings: readonly ConditionFinding[] };

/**
 * Steps of macros such as `exists` that one evaluation may take, about half a second of the event loop. A caller chooses how long
 * a list is, and two nested macros take the square of that.
 */
const MAX_STEPS = 100_000;
/** So many comparisons of `in` take as long as one step of a macro (@bufbuild/cel 0.6.1). */
const COMPARISONS_IN_STEP = 32;
/** The parser is recursive, and conditions come with the project. */
const MAX_LENGTH = 10_000;

const STEP = '@step';
/** Of the evaluation that runs: evaluations are synchronous, so there is only one. */
let steps = 0;

function countSteps(count: number): void {
  steps += count;
  if (steps > MAX_STEPS) throw new Error(TOO_LONG);
}

const TOO_LONG = `takes more than ${MAX_STEPS} steps; look at fewer values`;

const { BOOL, DOUBLE, DYN, INT, STRING, UINT } = CelScalar;

function createEnvironment() {
  const standard = celEnv();
  const byItems = [...(standard.funcs.find('@in') ?? [])].find((each) => each.id === IN_LIST);
  if (byItems === undefined) throw new Error(`@bufbuild/cel has no ${IN_LIST}`);
  const matches: CelFunc = celFunc('matches', [STRING, STRING], BOOL, (text, pattern) => {
    const method = standard.funcs.find('matches');
    // The method takes the same values, so its answer is a boolean or the error of a bad pattern.
    return method?.call(0, text, [pattern]) as boolean;
  });
  const inList = celFunc('@in', [DYN, listType(DYN)], BOOL, (value, list) => {
    countSteps(list.size / COMPARISONS_IN_STEP);
    // As above: the answer of the replaced function.
    return byItems.call(0, undefined, [value, list]) as boolean;
  });
  const step = celFunc(STEP, [BOOL], BOOL, (isWanted) => {
    countSteps(1);
    return isWanted;
  });
  return celEnv({ funcs: [matches, inList, step, ...strictConversions()] });
}

/** The library reads "" as 0 and "x" as NaN, which no comparison holds for (0.6.1); the specification has errors. */
function strictConversions(): CelFunc[] {
  const checked = (text: string, form: RegExp): string => {
    if (!form.test(text)) throw new Error('a text is not a number');
    return text;
  };
  return [
    celFunc('int', [STRING], INT, (text) => within(BigInt(checked(text, /^-?\d{1,19}$/)))),
    celFunc('uint', [STRING], UINT, (text) => celUint(BigInt(checked(text, /^\d{1,19}$/)))),
    celFunc('double', [STRING], DOUBLE, (text) => Number(checked(text, /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/))),
  ];
}

function within(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new Error('a number is too large');
  return value;
}

const IN_LIST = '@in(dyn,list)';

const environment = createEnvironment();

/** Parses and checks a condition. It has no `condition` if any finding is a mistake. */
export function compileCondition(text: string, scope: Omit<CheckScope, 'functions'>): CompiledCondition {
  if (text.length > MAX_LENGTH)
    return {
      findings: [{ message: `the condition is longer than ${MAX_LENGTH} characters`, offset: 0, isWarning: false }],
    };
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(text);
  } catch (error) {
    return { findings: [toSyntaxFinding(error, text)] };
  }
  const { findings, reads } = checkCondition(parsed, { ...scope, functions: environment.funcs });
  if (findings.some(({ isWarning }) => !isWarning) || parsed.expr === undefined) return { findings };
  limitSteps(parsed.expr);
  const evaluate = plan(environment, parsed.expr);
  const toVerdict = (bindings: Bindings): Verdict => {
    steps = 0;
    const result = evaluate(bindings);
    // First, because `||` may have absorbed the error.
    if (steps > MAX_STEPS) return { error: TOO_LONG };
    if (isCelError(result)) return { error: result.message };
    return typeof result === 'boolean' ? { holds: result } : { error: 'is neither true nor false' };
  };
  return { condition: { text, reads, evaluate: (bindings) => safely(toVerdict, bindings) }, findings };
}

/**
 * A bug or an overflow of the stack is an error of the condition, like any other. Errors are values of the language, and no one
 * reads their stacks, which take most of the time of an evaluation that fails.
 */
function safely(evaluate: (bindings: Bindings) => Verdict, bindings: Bindings): Verdict {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return evaluate(bindings);
  } catch (error) {
    return { error: messageOf(error) };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function toSyntaxFinding(error: unknown, text: string): ConditionFinding {
  const message = messageOf(error).replace(/^(?:syntax error )?<input>:\d+:\d+: /, '');
  const found = error instanceof Error && 'location' in error ? Object(error.location) : {};
  const offset = Number(Object(found.start).offset);
  const isKnown = Number.isInteger(offset) && offset <= text.length;
  const reason = /expecting (.{0,40}), .* or (?:whitespace|comment)/s.test(message)
    ? message.replace(/ but expecting .*/s, '')
    : message;
  return { message: `the condition cannot be read: ${reason}`, offset: isKnown ? offset : 0, isWarning: false };
}

/** Makes each macro within an expression count its steps. */
function limitSteps(expr: Expr): void {
  for (const inner of partsOf(expr)) limitSteps(inner);
  if (expr.exprKind.case !== 'comprehensionExpr') return;
  const { value } = expr.exprKind;
  if (value.loopCondition === undefined) return;
  const args = [value.loopCondition];
  value.loopCondition = {
    $typeName: 'cel.expr.Expr',
    id: value.loopCondition.id,
    exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: STEP, args } },
  };
}

function partsOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case 'selectExpr':
      return present([exprKind.value.operand]);
    case 'callExpr':
      return present([exprKind.value.target, ...exprKind.value.args]);
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return present(
        exprKind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopStep, result } = exprKind.value;
      return present([iterRange, accuInit, loopStep, result]);
    }
    default:
      return [];
  }
}

function present(parts: readonly (Expr | undefined)[]): readonly Expr[] {
  return parts.filter((part) => part !== undefined);
}
