import { messageOf } from '../errors/index.js';
import {
  argumentsOf,
  FunctionValue,
  GROUPED,
  isFilter,
  isNode,
  JinjaEnvironment,
  JinjaInterpreter,
  ListValue,
  nameOf,
  nodesOf,
  parseTemplate,
  type RuntimeValue,
  type SyntaxNode,
  toRuntimeValue,
} from './jinja-library.js';
import { OWN_FILTERS, sequenceOf, toFunction, toPairs, toValue } from './template-filters.js';
import { OWN_METHODS, OWN_TESTS } from './template-methods.js';
import { COMPARISONS, type Outcome, OWN_OPERATORS } from './template-operators.js';
import { toText } from './template-text.js';

/** What the server sends to a render process. Both are of the same version. */
export interface RenderRequest {
  readonly templates: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  /** For all rendered texts together. */
  readonly maxBytes: number;
}

/** `index` is that of the template. */
export type RenderAnswer =
  | { readonly kind: 'rendered'; readonly texts: readonly string[] }
  | { readonly kind: 'failed'; readonly index: number; readonly reason: string }
  | { readonly kind: 'too_large'; readonly index: number }
  /** The render process ended before it could answer. */
  | { readonly kind: 'ended'; readonly reason: string };

export interface PreparedTemplate {
  readonly program: SyntaxNode;
  /** Whether time and size of rendering grow no faster than the values do: nothing repeats, and no value controls a filter. */
  readonly isPredictable: boolean;
}

/** Parses a template that passed `checkTemplate`. */
export function prepareTemplate(text: string): PreparedTemplate {
  const parsed = parseTemplate(text);
  return { program: adapt(parsed), isPredictable: isPredictable(parsed) };
}

/** Renders templates one after the other, until one fails or the texts become too large. */
export function renderAll(
  templates: readonly PreparedTemplate[],
  { values, maxBytes }: Pick<RenderRequest, 'values' | 'maxBytes'>,
): RenderAnswer {
  const texts: string[] = [];
  let bytes = 0;
  for (const [index, { program }] of templates.entries()) {
    try {
      const text = String(new JinjaInterpreter(createEnvironment(values)).run(program).value);
      bytes += Buffer.byteLength(text);
      texts.push(text);
    } catch (error) {
      return { kind: 'failed', index, reason: explainRenderError(error) };
    }
    if (bytes > maxBytes) return { kind: 'too_large', index };
  }
  return { kind: 'rendered', texts };
}

/** Our functions in the variables of a template, under names that no template can write. */
const OWN_FUNCTIONS = [
  ...[...OWN_FILTERS].map(([name, filter]) => [hidden(name), toFunction(filter)] as const),
  ...[...OWN_METHODS].map(([name, method]) => [hidden(`.${name}`), toFunction(method)] as const),
  ...[...OWN_TESTS].map(
    ([name, test]) => [hidden(`is ${name}`), ofAll(([value = toRuntimeValue(undefined)]) => test(value))] as const,
  ),
  ...[...OWN_OPERATORS].map(([name, operate]) => [hidden(name), ofAll(operate)] as const),
  [hidden('concat'), ofAll((parts) => parts.map(toText).join(''))],
  [hidden('pairs'), ofAll(([list]) => toPairs(list))],
  [hidden('sequence'), ofAll(([value]) => new ListValue(sequenceOf(value)))],
  // The library unpacks lists, and no tuples.
  [
    hidden('lists'),
    ofAll(([value]) => new ListValue(sequenceOf(value).map((item) => new ListValue(sequenceOf(item))))),
  ],
] as const;

function ofAll(apply: (values: readonly RuntimeValue[]) => Outcome): RuntimeValue {
  return new FunctionValue((values) => toValue(apply(values.map((value) => value ?? toRuntimeValue(undefined)))));
}

function hidden(name: string): string {
  return `|${name}`;
}

function createEnvironment(values: Readonly<Record<string, unknown>>): InstanceType<typeof JinjaEnvironment> {
  const environment = new JinjaEnvironment();
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null, range };
  for (const [name, value] of Object.entries({ ...constants, ...values })) {
    // The environment has `namespace` from the start, and a parameter may have that name.
    environment.variables.delete(name);
    environment.set(name, value);
  }
  for (const [name, value] of OWN_FUNCTIONS) environment.variables.set(name, value);
  return environment;
}

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (![start, stop, step].every(Number.isInteger)) throw new Error('range() takes whole numbers');
  if (step === 0) throw new Error('the step of range() must not be 0');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length: count }, (_, index) => start + index * step);
}

/** The reason in the library's words, without the names of its classes. */
function explainRenderError(error: unknown): string {
  return messageOf(error)
    .replace(/^Unknown (\w+) filter: (\w+)$/, 'the filter "$2" does not accept a value of type $1')
    .replace(/^Cannot apply filter "(\w+)" to type: (\w+)$/, 'the filter "$1" does not accept a value of type $2')
    .replace(/\b([A-Z][a-z]+)Value\b/g, (_, type: string) => type.toLowerCase());
}

/** Lists of nodes that are printed one after the other. */
const PRINTED_FIELDS = new Set(['body', 'alternate', 'defaultBlock']);
/** Nodes in such lists that are printed as they are. */
const NOT_CONVERTED = new Set('Set If For Macro CallStatement Comment StringLiteral'.split(' '));
/** Filters that convert any value to text in Jinja2; those of the library accept only text. */
const TAKES_TEXT = new Set(['indent', 'lower', 'replace', 'trim', 'upper']);
/** Fields that name what is set. */
const TARGETS = new Set(['assignee', 'loopvar']);

/**
 * Puts calls of our functions where the library differs from Jinja2: for our own filters, operators, tests and methods, for members,
 * and for printed values. New nodes keep a class of the library, because it searches macros for `varargs` only in instances of its
 * classes.
 */
function adapt(node: SyntaxNode): SyntaxNode {
  if (isFilter(node) && nameOf(node['filter']) === GROUPED) return adaptOne(node['operand']) as SyntaxNode;
  const operators = chainOf(node, COMPARISONS) ?? chainOf(node, ADDITIVE);
  if (operators !== undefined) return adaptChain(node, operators);
  const fields = Object.entries(node).map(([field, value]) => [
    field,
    TARGETS.has(field) ? value : adaptField(value, PRINTED_FIELDS.has(field)),
  ]);
  const adapted = derive(node, Object.fromEntries(fields));
  if (isFilter(node)) return adaptFilter(adapted);
  return ADAPTED[node.type]?.(adapted, node) ?? adapted;
}

/** By the type of a node. Each returns undefined for a node that the library evaluates as Jinja2 does. */
const ADAPTED: Readonly<Partial<Record<string, (adapted: SyntaxNode, node: SyntaxNode) => SyntaxNode | undefined>>> = {
  BinaryExpression: (adapted) => {
    const { operator, left, right } = adapted;
    const name = operatorOf({ operator });
    return OWN_OPERATORS.has(name) ? call(name, adapted, [left, right]) : undefined;
  },
  CallExpression: (adapted, node) => {
    const { callee } = node;
    if (!isNode(callee) || callee.type !== 'MemberExpression' || callee['computed'] === true) return undefined;
    const method = nameOf(callee['property']) ?? '';
    // The library evaluates the callee, so its member must stay one.
    const own = derive(callee, { ...callee, object: adaptOne(callee['object']) });
    if (!OWN_METHODS.has(method)) return derive(adapted, { ...adapted, callee: own });
    return call(`.${method}`, adapted, [own['object'], ...argumentsOf(adapted)]);
  },
  For: (adapted) => {
    const { iterable, loopvar } = adapted;
    const isUnpacked = isNode(loopvar) && loopvar.type === 'TupleLiteral';
    const toItems = (list: unknown): SyntaxNode => call(isUnpacked ? 'lists' : 'sequence', adapted, [list]);
    const isSelected = isNode(iterable) && iterable.type === 'SelectExpression';
    const items = isSelected ? derive(iterable, { ...iterable, lhs: toItems(iterable['lhs']) }) : toItems(iterable);
    return derive(adapted, { ...adapted, iterable: items });
  },
  MemberExpression: (adapted) => {
    const { object, property, computed } = adapted;
    if (!isNode(property) || property.type === 'SliceExpression') return undefined;
    const isName = computed !== true && property.type === 'Identifier';
    return call('member', adapted, [
      object,
      isName ? derive(property, { ...property, type: 'StringLiteral' }) : property,
    ]);
  },
  TestExpression: (adapted) => {
    const { operand, test, negate } = adapted;
    const name = nameOf(test) ?? '';
    if (!OWN_TESTS.has(name)) return undefined;
    const tested = call(`is ${name}`, adapted, [operand]);
    if (negate !== true) return tested;
    return derive(adapted, { type: 'UnaryExpression', operator: { value: 'not' }, argument: tested });
  },
  UnaryExpression: (adapted) => {
    const { operator, argument } = adapted;
    return operatorOf({ operator }) === '-' ? call('negative', adapted, [argument]) : undefined;
  },
};

const ADDITIVE: ReadonlySet<string> = new Set(['+', '-', '~']);

function operatorOf({ operator }: Readonly<Record<string, unknown>>): string {
  return typeof operator === 'object' && operator !== null && 'value' in operator ? String(operator.value) : '';
}

type Chain = readonly (readonly [operator: string, operand: unknown])[];

/** `a < b < c` as its operands, each with the operator before it; undefined for any other node. */
function chainOf(node: unknown, operators: ReadonlySet<string>): Chain | undefined {
  if (!isNode(node) || node.type !== 'BinaryExpression') return undefined;
  const operator = operatorOf(node);
  if (!operators.has(operator)) return undefined;
  const { left, right } = node;
  return [...(chainOf(left, operators) ?? [['', left]]), [operator, right]];
}

/** Of comparisons, all must be true. `~` joins before `+` and `-` calculate. */
function adaptChain(node: SyntaxNode, chain: Chain): SyntaxNode {
  const operands = chain.map(([operator, operand]) => [operator, adaptOne(operand)] as const);
  const literal = (value: string): SyntaxNode => derive(node, { type: 'StringLiteral', value });
  if (COMPARISONS.has(operands[1]?.[0] ?? ''))
    return call(
      'compare',
      node,
      operands.flatMap(([operator, operand]) => (operator === '' ? [operand] : [literal(operator), operand])),
    );
  const terms: { readonly operator: string; readonly parts: unknown[] }[] = [];
  for (const [operator, operand] of operands)
    if (operator === '~') terms.at(-1)?.parts.push(operand);
    else terms.push({ operator, parts: [operand] });
  const joined = terms.map(
    ({ operator, parts }) => [operator, parts.length === 1 ? parts[0] : call('concat', node, parts)] as const,
  );
  const [[, first] = ['', undefined], ...rest] = joined;
  // A chain has at least one operand, and every operand is a node.
  return rest.reduce((left, [operator, right]) => call(operator, node, [left, right]), first as SyntaxNode);
}

function adaptField(value: unknown, isPrinted: boolean): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [adaptOne(key), adaptOne(each)]));
  if (!Array.isArray(value)) return adaptOne(value);
  return value.map((each) => {
    const needsText = isPrinted && isNode(each) && !NOT_CONVERTED.has(each.type);
    return needsText ? call('string', each, [adapt(each)]) : adaptOne(each);
  });
}

function adaptOne(value: unknown): unknown {
  return isNode(value) ? adapt(value) : value;
}

/** Of an expression `x | filter`, or of a block `{% filter … %}`, whose text is the operand. */
function adaptFilter(node: SyntaxNode): SyntaxNode {
  const { operand = derive(node, { type: 'Program', body: node['body'] }), filter } = node;
  const written = nameOf(filter) ?? '';
  const given = argumentsOf(filter);
  if (OWN_FILTERS.has(written)) return call(written, node, [operand, ...given]);
  const name = written === 'd' ? 'default' : written;
  const callee = { type: 'Identifier', value: name };
  // The library knows `default` only with parentheses, and the filters without arguments only without.
  const isCall = given.length > 0 || name === 'default';
  const filtered = derive(node, {
    type: 'FilterExpression',
    operand: TAKES_TEXT.has(name) ? call('string', node, [operand]) : operand,
    filter: isCall ? derive(node, { type: 'CallExpression', callee, args: given }) : callee,
  });
  return name === 'dictsort' ? call('pairs', node, [filtered]) : filtered;
}

function call(name: string, node: SyntaxNode, args: readonly unknown[]): SyntaxNode {
  const callee = { type: 'Identifier', value: hidden(name) };
  return derive(node, { type: 'CallExpression', callee, args });
}

/** A node with the fields given and the class of `node`. */
function derive(node: SyntaxNode, fields: SyntaxNode): SyntaxNode {
  return Object.assign(Object.create(Object.getPrototypeOf(node)), fields);
}

const REPEATING = new Set(['For', 'Macro', 'CallStatement', 'CallExpression']);
/** `"x" * n` is a long text, and `x ** n` may be a long calculation. */
const GROWING = new Set(['*', '**']);

/**
 * `indent(n)`, `center(n)` and `replace(a, b)` can make a long text from a short one, so only fixed texts may be arguments. Each
 * further `{% set a = a ~ a %}` would double a text.
 */
function isPredictable(node: SyntaxNode): boolean {
  return countSets(node) <= 1 && repeatsNothing(node);
}

function countSets(node: SyntaxNode): number {
  const own = node.type === 'Set' ? 1 : 0;
  return Object.values(node)
    .flatMap(nodesOf)
    .reduce((sum, each) => sum + countSets(each), own);
}

function repeatsNothing(node: SyntaxNode): boolean {
  if (REPEATING.has(node.type) || GROWING.has(operatorOf(node))) return false;
  const { filter, ...rest } = node;
  return (
    argumentsOf(filter).every(({ type }) => type === 'StringLiteral') &&
    Object.entries(rest).every(([field, value]) => field === 'operator' || nodesOf(value).every(repeatsNothing))
  );
}
