import { messageOf } from '../errors/index.js';
import {
  argumentsOf,
  isFilter,
  isNode,
  JinjaEnvironment,
  JinjaInterpreter,
  nameOf,
  nodesOf,
  parseTemplate,
  type SyntaxNode,
} from './jinja-library.js';
import { OWN_FILTERS, toFunction } from './template-filters.js';

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
const OWN_FUNCTIONS = [...OWN_FILTERS].map(([name, filter]) => [hidden(name), toFunction(filter)] as const);

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
const NOT_CONVERTED = new Set('Set If For Macro CallStatement FilterStatement Comment StringLiteral'.split(' '));
/** Filters that convert any value to text in Jinja2; those of the library accept only text. */
const TAKES_TEXT = new Set(['indent', 'lower', 'replace', 'trim', 'upper']);
/** Second names of filters, which the library does not know. */
const ALIASES: Readonly<Partial<Record<string, string>>> = { count: 'length', d: 'default' };

/**
 * Puts calls of our filters where the library differs from Jinja2: for our own filters, for printed values, and for `~`. New
 * nodes keep a class of the library, because it searches macros for `varargs` only in instances of its classes.
 */
function adapt(node: SyntaxNode): SyntaxNode {
  const fields = Object.entries(node).map(([field, value]) => [field, adaptField(value, PRINTED_FIELDS.has(field))]);
  const adapted = derive(node, Object.fromEntries(fields));
  if (isFilter(adapted)) return adaptFilter(adapted);
  const { type, operator, left, right } = adapted;
  if (type !== 'BinaryExpression' || !isNode(operator) || operator['value'] !== '~') return adapted;
  const parts = { left: call('string', adapted, [left]), right: call('string', adapted, [right]) };
  return derive(adapted, { ...adapted, operator: { ...operator, value: '+' }, ...parts });
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
  const name = ALIASES[written] ?? written;
  const callee = { type: 'Identifier', value: name };
  // The library knows `default` only with parentheses, and the filters without arguments only without.
  const isCall = given.length > 0 || name === 'default';
  return derive(node, {
    type: 'FilterExpression',
    operand: TAKES_TEXT.has(name) ? call('string', node, [operand]) : operand,
    filter: isCall ? derive(node, { type: 'CallExpression', callee, args: given }) : callee,
  });
}

function call(filter: string, node: SyntaxNode, args: readonly unknown[]): SyntaxNode {
  const callee = { type: 'Identifier', value: hidden(filter) };
  return derive(node, { type: 'CallExpression', callee, args });
}

/** A node with the fields given and the class of `node`. */
function derive(node: SyntaxNode, fields: SyntaxNode): SyntaxNode {
  return Object.assign(Object.create(Object.getPrototypeOf(node)), fields);
}

const REPEATING = new Set(['For', 'Macro', 'CallStatement', 'CallExpression']);

/** `indent(n)` and `replace(a, b)` can make a long text from a short one, so only fixed texts may be arguments. */
function isPredictable(node: SyntaxNode): boolean {
  if (REPEATING.has(node.type)) return false;
  const { filter, ...rest } = node;
  return (
    argumentsOf(filter).every(({ type }) => type === 'StringLiteral') &&
    Object.entries(rest).every(([field, value]) => field === 'operator' || nodesOf(value).every(isPredictable))
  );
}
