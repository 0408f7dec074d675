import {
  childrenOf,
  type Environment,
  isFilter,
  isNode,
  JinjaEnvironment,
  JinjaInterpreter,
  nameOf,
  nodesOf,
  type RuntimeValue,
  type SyntaxNode,
} from './jinja-library.js';
import {
  type FilterUse,
  nameArguments,
  OWN_FILTERS,
  TAKES_TEXT,
  toFilterUse,
  toLibraryFilter,
  toPythonText,
  type ValueMaker,
} from './template-filters.js';

/** No name that a template can write. */
const OPERAND = '|';

/** Fields that hold what is printed one after the other. */
const BLOCKS = ['body', 'alternate', 'defaultBlock'];

/** Renders a parsed template. Throws what the library throws for what cannot be computed. */
export function renderTemplate(template: SyntaxNode, values: Readonly<Record<string, unknown>>): string {
  const environment = createEnvironment(values);
  return toPythonText(new TemplateInterpreter(template, environment).evaluate(template, environment));
}

/** The library's own interpreter, where it differs from Jinja2. */
class TemplateInterpreter extends JinjaInterpreter {
  /** Expressions between `{{` and `}}`. */
  readonly #printed: ReadonlySet<unknown>;

  constructor(template: SyntaxNode, environment: Environment) {
    super(environment);
    this.#printed = findPrinted(template);
  }

  /** Of no node for a part that a template leaves out, such as the end of a slice. */
  override evaluate(node: SyntaxNode | undefined, environment: Environment): RuntimeValue {
    if (node === undefined) return super.evaluate(node, environment);
    const value = this.#evaluate(node, environment);
    return this.#printed.has(node) ? this.#make(environment).text(toPythonText(value)) : value;
  }

  #evaluate(node: SyntaxNode, environment: Environment): RuntimeValue {
    if (isConcatenation(node)) {
      const parts = [node.left, node.right].map((each) => toPythonText(this.evaluate(each, environment)));
      return this.#make(environment).text(parts.join(''));
    }
    return isFilter(node) ? this.#filter(toFilterUse(node), environment) : super.evaluate(node, environment);
  }

  #filter(use: FilterUse, environment: Environment): RuntimeValue {
    const make = this.#make(environment);
    const operand = this.evaluate(use.operand, environment);
    const own = OWN_FILTERS.get(use.name);
    if (own !== undefined) {
      const given = nameArguments(use, own.parameters).map(
        ([name, node]) => [name, this.evaluate(node, environment)] as const,
      );
      return own.apply({ operand, given: new Map(given), make });
    }
    const value = TAKES_TEXT.has(use.name) ? make.text(toPythonText(operand)) : operand;
    // Nodes hold no values; a variable in a scope of its own does.
    const scope = new JinjaEnvironment(environment);
    scope.setVariable(OPERAND, value);
    return super.evaluate(toLibraryFilter(use, { type: 'Identifier', value: OPERAND }), scope);
  }

  /** The library makes its values only from nodes. */
  #make(environment: Environment): ValueMaker {
    const from = (type: string) => (value: unknown) => super.evaluate({ type, value }, environment);
    return { text: from('StringLiteral'), integer: from('IntegerLiteral'), float: from('FloatLiteral') };
  }
}

interface Concatenation {
  readonly left: SyntaxNode;
  readonly right: SyntaxNode;
}

function isConcatenation(node: SyntaxNode): node is SyntaxNode & Concatenation {
  if (node.type !== 'BinaryExpression') return false;
  const { operator, left, right } = node;
  return isNode(operator) && operator['value'] === '~' && isNode(left) && isNode(right);
}

/** Statements print nothing of their own; they are none of these. */
const STATEMENTS = new Set(['Set', 'If', 'For', 'Macro', 'CallStatement', 'FilterStatement', 'Comment']);

function findPrinted(template: SyntaxNode): ReadonlySet<unknown> {
  const printed = new Set<unknown>();
  const visit = (node: SyntaxNode): void => {
    const inside = BLOCKS.flatMap((field) => nodesOf(node[field]));
    for (const each of inside) if (!STATEMENTS.has(each.type)) printed.add(each);
    childrenOf(node).forEach(visit);
  };
  visit(template);
  return printed;
}

function createEnvironment(values: Readonly<Record<string, unknown>>): Environment {
  const environment = new JinjaEnvironment();
  for (const name of ['true', 'True']) environment.set(name, true);
  for (const name of ['false', 'False']) environment.set(name, false);
  for (const name of ['none', 'None']) environment.set(name, null);
  environment.set('range', range);
  for (const [name, value] of Object.entries(values)) {
    // A parameter may have the name of a function.
    environment.variables.delete(name);
    environment.set(name, value);
  }
  return environment;
}

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (![start, stop, step].every(Number.isInteger)) throw new Error('range() takes whole numbers');
  if (step === 0) throw new Error('the step of range() must not be 0');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length: count }, (_, index) => start + index * step);
}

/** Their time grows with what a caller sends in ways that nobody can tell before. */
const UNPREDICTABLE = new Set(['For', 'Macro', 'CallStatement', 'CallExpression']);

/**
 * Whether the time and the size of what is rendered grow no faster than the values do: nothing is repeated, and no filter
 * puts one value into another.
 */
export function isPredictable(node: SyntaxNode): boolean {
  if (UNPREDICTABLE.has(node.type)) return false;
  if (!isFilter(node)) return childrenOf(node).every(isPredictable);
  const { filter, ...rest } = node;
  return childrenOf({ ...rest, type: node.type }).every(isPredictable) && isPredictableFilter(filter);
}

/** Their arguments make nothing longer. */
const SHORTENING = new Set(['d', 'default', 'float', 'int', 'round', 'truncate']);

/** `indent(n)` and `replace(a, b)` may make much of little. */
function isPredictableFilter(filter: unknown): boolean {
  if (!isNode(filter) || filter.type === 'Identifier') return true;
  const given = nodesOf(filter['args']);
  return SHORTENING.has(nameOf(filter) ?? '')
    ? given.every(isPredictable)
    : given.every(({ type }) => type === 'StringLiteral');
}
