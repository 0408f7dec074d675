import type { CelFunc, CelType, parse } from '@bufbuild/cel';
import { suggestion } from '../../errors/index.js';
import {
  BOOL,
  canBeEqual,
  DYN,
  fromCelType,
  isAccepted,
  join,
  nameOf,
  type ObjectType,
  type StaticType,
  STRING,
} from './static-types.js';

type ParsedExpr = ReturnType<typeof parse>;
export type Expr = NonNullable<ParsedExpr['expr']>;
type Kind<Case extends Expr['exprKind']['case']> = Extract<Expr['exprKind'], { readonly case: Case }>;
type Call = Kind<'callExpr'>['value'];
type Select = Kind<'selectExpr'>['value'];
type Comprehension = Kind<'comprehensionExpr'>['value'];

/** What is wrong with a condition, or probably not intended, and where in its text. */
export interface ConditionFinding {
  readonly message: string;
  readonly offset: number;
  /** The condition can be evaluated, but probably not as its author intended. */
  readonly isWarning: boolean;
}

/** A value that a condition reads: a variable, or a member of one. */
export interface ReadPath {
  /** As the condition writes it: `user.role`, `address["zip"]`. */
  readonly text: string;
  readonly keys: readonly [variable: string, ...members: string[]];
}

export interface CheckedCondition {
  readonly findings: readonly ConditionFinding[];
  readonly reads: readonly ReadPath[];
}

export interface CheckScope {
  readonly variables: ReadonlyMap<string, StaticType>;
  /** Why a name is not a variable here, where another condition could use it. */
  readonly explainUnknown?: ((name: string) => string | undefined) | undefined;
  readonly functions: { find(name: string): Iterable<CelFunc> | undefined };
}

/** Checks a condition against the types of its variables. Nothing is evaluated. */
export function checkCondition({ expr, sourceInfo }: ParsedExpr, scope: CheckScope): CheckedCondition {
  if (expr === undefined)
    return { findings: [{ message: 'the condition is empty', offset: 0, isWarning: false }], reads: [] };
  const checker = new TypeChecker(scope, (id) => sourceInfo?.positions[String(id)] ?? 0);
  return checker.checkWhole(expr);
}

class TypeChecker {
  readonly #scope: CheckScope;
  readonly #offsetOf: (id: bigint) => number;
  readonly #findings: ConditionFinding[] = [];
  readonly #reads = new Map<string, ReadPath>();
  /** Variables of macros such as `exists`, innermost last. */
  readonly #locals: (readonly [string, StaticType])[] = [];

  constructor(scope: CheckScope, offsetOf: (id: bigint) => number) {
    this.#scope = scope;
    this.#offsetOf = offsetOf;
  }

  checkWhole(expr: Expr): CheckedCondition {
    const type = this.#typeOf(expr);
    if (type.kind !== 'bool' && type.kind !== 'dyn')
      this.#mistake(expr, `the condition must be true or false, but it is of type ${nameOf(type)}`);
    const hasMistake = this.#findings.some(({ isWarning }) => !isWarning);
    if (this.#reads.size === 0 && !hasMistake)
      this.#suspect(expr, 'the condition reads nothing of the call, so it decides the same for every call');
    return { findings: this.#findings, reads: [...this.#reads.values()] };
  }

  #typeOf(expr: Expr): StaticType {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'constExpr':
        return constantType(exprKind.value);
      case 'identExpr':
        return this.#variable(expr, exprKind.value.name);
      case 'selectExpr':
        return this.#select(expr, exprKind.value);
      case 'callExpr':
        return this.#call(expr, exprKind.value);
      case 'listExpr': {
        const items = exprKind.value.elements.map((each) => this.#typeOf(each));
        return { kind: 'list', item: items.length === 0 ? DYN : items.reduce(join) };
      }
      case 'structExpr':
        return this.#struct(expr, exprKind.value);
      case 'comprehensionExpr':
        return this.#comprehension(expr, exprKind.value);
      default:
        return DYN;
    }
  }

  #variable(expr: Expr, name: string): StaticType {
    const local = this.#locals.findLast(([known]) => known === name);
    if (local !== undefined) return local[1];
    const type = this.#scope.variables.get(name);
    if (type !== undefined) {
      this.#addRead({ text: name, keys: [name] });
      return type;
    }
    if (TYPE_NAMES.has(name)) return { kind: 'type' };
    const why =
      this.#scope.explainUnknown?.(name) ?? `is not known${suggestion(name, [...this.#scope.variables.keys()])}`;
    return this.#mistake(expr, `"${name}" ${why}`);
  }

  #select(expr: Expr, { operand, field, testOnly }: Select): StaticType {
    if (operand === undefined) return DYN;
    const type = this.#typeOf(operand);
    this.#readMember(operand, field, `.${field}`);
    if (!testOnly) return this.#member(expr, type, field);
    if (type.kind === 'object') {
      if (type.always.has(field))
        this.#suspect(expr, `"${field}" is always there; compare it with null instead of has()`);
      else if (!type.members.has(field)) this.#member(expr, type, field);
    } else if (type.kind !== 'map' && type.kind !== 'dyn') this.#member(expr, type, field);
    return BOOL;
  }

  #member(expr: Expr, type: StaticType, field: string): StaticType {
    switch (type.kind) {
      case 'dyn':
        return DYN;
      case 'map':
        return type.value;
      case 'object':
        return type.members.get(field) ?? this.#unknownMember(expr, type, field);
      case 'list':
        return this.#mistake(
          expr,
          `an array has no "${field}"; look at its items, as in \`.exists(x, x.${field} == …)\``,
        );
      default:
        return this.#mistake(expr, `a value of type ${nameOf(type)} has no "${field}"`);
    }
  }

  #unknownMember(expr: Expr, { members, isOpen }: ObjectType, field: string): StaticType {
    const known = [...members.keys()];
    if (!isOpen) return this.#mistake(expr, `"${field}" does not exist here${suggestion(field, known)}`);
    if (known.length > 0) this.#suspect(expr, `"${field}" is not declared${suggestion(field, known)}`);
    return DYN;
  }

  #call(expr: Expr, { function: name, target, args }: Call): StaticType {
    if (name === '_[_]') return this.#index(expr, args);
    const targetType = target && this.#typeOf(target);
    const types = args.map((each) => this.#typeOf(each));
    const [first = DYN, second = DYN, third = DYN] = types;
    switch (name) {
      case '_&&_':
      case '_||_':
        for (const [index, type] of types.entries()) this.#requireBool(args[index] ?? expr, type);
        return BOOL;
      case '_?_:_':
        this.#requireBool(expr, first);
        return join(second, third);
      case '@not_strictly_false':
        return BOOL;
      case '_==_':
      case '_!=_':
        this.#compare(expr, first, second);
        this.#compareTexts(expr, args, types);
        return BOOL;
      case '@in':
        this.#compareWithin(expr, [first, second], args);
    }
    return this.#overload(expr, name, { target: targetType, args: types });
  }

  #overload(
    expr: Expr,
    name: string,
    given: { readonly target: StaticType | undefined; readonly args: readonly StaticType[] },
  ): StaticType {
    const overloads = [...(this.#scope.functions.find(name) ?? [])];
    if (overloads.length === 0) return this.#mistake(expr, `there is no function ${name}()`);
    const fitting = overloads.filter((each) => fits(each, given));
    const [only, another] = fitting;
    if (only !== undefined) return another === undefined ? fromCelType(only.result) : joinResults(fitting);
    return this.#mistake(expr, explainOverload(name, given.target, given.args));
  }

  #index(expr: Expr, [container, key]: readonly Expr[]): StaticType {
    if (container === undefined || key === undefined) return DYN;
    const type = this.#typeOf(container);
    const keyType = this.#typeOf(key);
    const member = textOf(key);
    if (member !== undefined) this.#readMember(container, member, `[${JSON.stringify(member)}]`);
    if (type.kind === 'list') {
      if (keyType.kind === 'string') this.#mistake(key, 'an item of an array is found by its number, not by a text');
      return type.item;
    }
    if (type.kind === 'object' && member === undefined) return DYN;
    return member === undefined && type.kind === 'dyn' ? DYN : this.#member(expr, type, member ?? '[…]');
  }

  #struct(expr: Expr, { entries, messageName }: Kind<'structExpr'>['value']): StaticType {
    if (messageName !== '') return this.#mistake(expr, `there is no type ${messageName}`);
    for (const { keyKind, value } of entries) {
      if (keyKind.case === 'mapKey') this.#typeOf(keyKind.value);
      if (value !== undefined) this.#typeOf(value);
    }
    return { kind: 'map', key: DYN, value: DYN };
  }

  #comprehension(expr: Expr, { iterRange, iterVar, iterVar2, accuVar, accuInit, ...loop }: Comprehension): StaticType {
    if (iterVar2 !== '') return this.#mistake(expr, 'macros with two variables are not supported');
    const range = iterRange === undefined ? DYN : this.#typeOf(iterRange);
    const initial = accuInit === undefined ? DYN : this.#typeOf(accuInit);
    const item = itemOf(range);
    if (item === undefined)
      return this.#mistake(expr, `a macro needs an array, but is used on a value of type ${nameOf(range)}`);
    this.#locals.push([iterVar, item], [accuVar, initial]);
    const step = loop.loopStep === undefined ? DYN : this.#typeOf(loop.loopStep);
    if (loop.loopCondition !== undefined) this.#typeOf(loop.loopCondition);
    this.#locals.splice(-2, 2, [accuVar, initial.kind === 'list' ? step : initial]);
    const result = loop.result === undefined ? DYN : this.#typeOf(loop.result);
    this.#locals.pop();
    return result;
  }

  #compare(expr: Expr, a: StaticType, b: StaticType): void {
    if (canBeEqual(a, b)) return;
    if (a.kind === 'null' || b.kind === 'null')
      this.#suspect(expr, 'the condition compares a value with null that is never null');
    else this.#mistake(expr, `the condition compares ${nameOf(a)} with ${nameOf(b)}, which are never equal`);
  }

  /** An `enum` names all values, so a comparison with another one is never true. */
  #compareTexts(expr: Expr, args: readonly Expr[], types: readonly StaticType[]): void {
    for (const [index, type] of types.entries()) {
      const text = textOf(args[1 - index] ?? expr);
      if (text !== undefined) this.#requireListed(expr, type, text);
    }
  }

  #compareWithin(expr: Expr, [value, container]: readonly [StaticType, StaticType], args: readonly Expr[]): void {
    const [element, listed] = args;
    const text = element && textOf(element);
    if (container.kind === 'object' && text !== undefined) {
      if (!container.members.has(text)) this.#unknownMember(expr, container, text);
      return;
    }
    if (container.kind !== 'list') return;
    this.#compare(expr, value, container.item);
    if (text !== undefined) this.#requireListed(expr, container.item, text);
    if (listed?.exprKind.case !== 'listExpr') return;
    for (const item of listed.exprKind.value.elements) {
      const allowed = textOf(item);
      if (allowed !== undefined) this.#requireListed(item, value, allowed);
    }
  }

  #requireListed(expr: Expr, type: StaticType, text: string): void {
    const values = 'values' in type ? type.values : undefined;
    if (values === undefined || values.includes(text)) return;
    this.#suspect(expr, `"${text}" is none of the values in \`enum\`${suggestion(text, values.map(String))}`);
  }

  #requireBool(expr: Expr, type: StaticType): void {
    if (type.kind !== 'bool' && type.kind !== 'dyn')
      this.#mistake(expr, `"&&", "||" and "?" need true or false, not a value of type ${nameOf(type)}`);
  }

  #readMember(container: Expr, member: string, written: string): void {
    const path = this.#pathOf(container);
    if (path === undefined) return;
    this.#reads.delete(path.text);
    this.#addRead({ text: path.text + written, keys: [...path.keys, member] });
  }

  #addRead(path: ReadPath): void {
    this.#reads.set(path.text, path);
  }

  #pathOf({ exprKind }: Expr): ReadPath | undefined {
    if (exprKind.case === 'identExpr') {
      const { name } = exprKind.value;
      const isLocal = this.#locals.some(([known]) => known === name);
      return isLocal || !this.#scope.variables.has(name) ? undefined : { text: name, keys: [name] };
    }
    if (exprKind.case !== 'selectExpr' || exprKind.value.operand === undefined) return undefined;
    const { operand, field } = exprKind.value;
    const path = this.#pathOf(operand);
    return path && { text: `${path.text}.${field}`, keys: [...path.keys, field] };
  }

  #mistake({ id }: Expr, message: string): StaticType {
    this.#findings.push({ message, offset: this.#offsetOf(id), isWarning: false });
    return DYN;
  }

  #suspect({ id }: Expr, message: string): void {
    this.#findings.push({ message, offset: this.#offsetOf(id), isWarning: true });
  }
}

const TYPE_NAMES: ReadonlySet<string> = new Set('int uint double bool string bytes list map null_type type'.split(' '));

const CONSTANTS = {
  boolValue: 'bool',
  bytesValue: 'bytes',
  doubleValue: 'double',
  int64Value: 'int',
  nullValue: 'null',
  stringValue: 'string',
  uint64Value: 'uint',
  durationValue: 'duration',
  timestampValue: 'timestamp',
} as const;

function constantType({ constantKind }: Kind<'constExpr'>['value']): StaticType {
  return constantKind.case === undefined ? DYN : { kind: CONSTANTS[constantKind.case] };
}

function textOf({ exprKind }: Expr): string | undefined {
  if (exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}

/** What a macro such as `exists` passes to its variable. */
function itemOf(range: StaticType): StaticType | undefined {
  switch (range.kind) {
    case 'dyn':
      return DYN;
    case 'list':
      return range.item;
    case 'map':
      return range.key;
    case 'object':
      return STRING;
    default:
      return undefined;
  }
}

function fits(
  overload: CelFunc,
  { target, args }: { readonly target: StaticType | undefined; readonly args: readonly StaticType[] },
): boolean {
  if ((overload.target === undefined) !== (target === undefined)) return false;
  if (overload.arguments.length !== args.length) return false;
  const isFit = (given: StaticType, wanted: CelType): boolean => isAccepted(given, fromCelType(wanted));
  if (target !== undefined && overload.target !== undefined && !isFit(target, overload.target)) return false;
  return overload.arguments.every((wanted, index) => isFit(args[index] ?? DYN, wanted));
}

function joinResults(overloads: readonly CelFunc[]): StaticType {
  return overloads.map((each) => fromCelType(each.result)).reduce(join);
}

function explainOverload(name: string, target: StaticType | undefined, args: readonly StaticType[]): string {
  const operator = name.replaceAll(/[@_]/g, '');
  const given = [...(target === undefined ? [] : [target]), ...args];
  const types = given.map(nameOf).join(' and ');
  const kinds = new Set(given.map(({ kind }) => kind));
  const isMixed = kinds.has('int') && kinds.has('double');
  const hint = isMixed ? '; write whole numbers as 2.0, or convert with double()' : '';
  return /^(?:\W+|in)$/.test(operator)
    ? `"${operator}" cannot be used on ${types}${hint}`
    : `${name}() cannot be used on ${types}`;
}
