import { nearSuggestion } from '../errors/index.js';
import { childrenOf, isFilter, isNode, nameOf, nodesOf, type SyntaxNode } from './jinja-library.js';
import { argumentsOf, OWN_FILTERS, parameterOf } from './template-filters.js';

/** How a filter of the library may be written: by its name alone, with arguments, or either way. */
const LIBRARY_FILTERS = {
  alone: 'abs bool count first last length list lower reverse safe trim unique upper',
  given: 'map rejectattr replace selectattr',
  either: 'd default dictsort float indent int items keys sort tojson values',
};

const FILTERS: ReadonlyMap<string, string> = new Map(
  Object.entries(LIBRARY_FILTERS).flatMap(([usage, names]) =>
    names.split(' ').map((name) => [name, usage] as const),
  ),
);

const TESTS =
  'boolean callable defined even false integer iterable lower mapping none number odd sequence string true undefined upper'.split(
    ' ',
  );
/** These compare with a value, which only `selectattr` and `rejectattr` can give. */
const COMPARING_TESTS = ['eq', 'equalto'];

const FUNCTIONS = ['range', 'namespace', 'caller'];

const METHODS =
  'capitalize dictsort endswith get items keys lower lstrip replace rstrip split startswith strip title upper values'.split(
    ' ',
  );

const VARIABLES = ['true', 'false', 'none', 'True', 'False', 'None', 'loop', 'varargs', 'kwargs'];

/** What templates may use, by kind. */
export const KNOWN_NAMES = {
  filters: [...FILTERS.keys(), ...OWN_FILTERS.keys()],
  tests: TESTS,
  functions: FUNCTIONS,
  methods: METHODS,
} as const;

/** Whether the template language itself provides a variable. */
export function isBuiltIn(name: string): boolean {
  return VARIABLES.includes(name) || FUNCTIONS.includes(name);
}

/** Why a name cannot be used as it is; undefined when it can. Variables are those of the prompt. */
export function explainUse({ kind, name, given }: TemplateUse): string | undefined {
  switch (kind) {
    case 'variable':
      return undefined;
    case 'filter':
      return explainFilter(name, given);
    case 'test':
      return TESTS.includes(name) ? undefined : notSupported(kind, name, TESTS);
    case 'function':
      return FUNCTIONS.includes(name) ? undefined : notSupported(kind, name, FUNCTIONS);
    case 'method':
      return METHODS.includes(name) ? undefined : notSupported(kind, name, METHODS);
  }
}

function notSupported(kind: string, name: string, known: readonly string[]): string {
  return `prompts know no ${kind} "${name}"${nearSuggestion(name, known)}`;
}

function explainFilter(name: string, given: readonly SyntaxNode[] | undefined): string | undefined {
  const own = OWN_FILTERS.get(name);
  if (own !== undefined) return explainArguments(name, given ?? [], own.parameters);
  const usage = FILTERS.get(name);
  if (usage === undefined) return notSupported('filter', name, KNOWN_NAMES.filters);
  if (usage === 'alone' && given !== undefined) return `in prompts, the filter "${name}" takes no arguments`;
  if (usage === 'given' && given === undefined) return `in prompts, the filter "${name}" needs arguments`;
  if (name === 'map' && given?.some(isAttribute) !== true)
    return 'in prompts, the filter "map" needs an attribute: map(attribute="name")';
  const [, test] = name === 'selectattr' || name === 'rejectattr' ? (given ?? []) : [];
  return test === undefined ? undefined : explainTestByName(test['value']);
}

function explainArguments(
  name: string,
  given: readonly SyntaxNode[],
  parameters: readonly string[],
): string | undefined {
  if (given.every((node, index) => parameterOf(node, index, parameters) !== undefined)) return undefined;
  const taken = parameters.length === 0 ? 'no arguments' : `only ${parameters.join(', ')}`;
  return `in prompts, the filter "${name}" takes ${taken}`;
}

function isAttribute(argument: SyntaxNode): boolean {
  return isNode(argument['key']) && nameOf(argument['key']) === 'attribute';
}

function explainTestByName(name: unknown): string | undefined {
  const known = [...TESTS, ...COMPARING_TESTS];
  return typeof name !== 'string' || known.includes(name) ? undefined : notSupported('test', name, known);
}

/** A name that a template uses. */
export interface TemplateUse {
  readonly kind: 'variable' | 'filter' | 'test' | 'function' | 'method';
  readonly name: string;
  /** What stands behind the name in brackets; undefined without brackets. */
  readonly given?: readonly SyntaxNode[] | undefined;
}

export interface TemplateNames {
  readonly uses: readonly TemplateUse[];
  /** Names that the template sets itself. */
  readonly bound: readonly string[];
}

/** Every name in what was parsed, in order. */
export function findNames(node: SyntaxNode): TemplateNames {
  const uses: TemplateUse[] = [];
  const bound: string[] = [];
  const visit = (each: SyntaxNode): void => {
    const use = toUse(each);
    if (use !== undefined) uses.push(use);
    bound.push(...boundBy(each));
    readBy(each).forEach(visit);
  };
  visit(node);
  return { uses, bound };
}

function toUse(node: SyntaxNode): TemplateUse | undefined {
  if (node.type === 'Identifier') return { kind: 'variable', name: String(node['value']) };
  if (node.type === 'TestExpression') return { kind: 'test', name: nameOf(node['test']) ?? '' };
  if (isFilter(node)) {
    const { filter } = node;
    return { kind: 'filter', name: nameOf(filter) ?? '', given: argumentsOf(filter) };
  }
  if (node.type !== 'CallExpression') return undefined;
  const { callee } = node;
  const given = argumentsOf(node);
  if (isNode(callee) && callee.type === 'MemberExpression' && callee['computed'] !== true)
    return { kind: 'method', name: nameOf(callee['property']) ?? '', given };
  const name = nameOf(callee);
  return name === undefined ? undefined : { kind: 'function', name, given };
}

/** What is evaluated: neither names of attributes, filters, tests and functions, nor names that are set. */
function readBy(node: SyntaxNode): readonly SyntaxNode[] {
  const fields = Object.fromEntries(Object.entries(node).filter(([field]) => !namesIn(node).includes(field)));
  const read = childrenOf({ ...fields, type: node.type });
  return isFilter(node) ? [...read, ...(argumentsOf(node['filter']) ?? [])] : read;
}

/** Fields that hold names and no expressions. */
function namesIn(node: SyntaxNode): readonly string[] {
  switch (node.type) {
    case 'MemberExpression':
      return node['computed'] === true ? [] : ['property'];
    case 'CallExpression':
      return nameOf(node['callee']) === undefined ? [] : ['callee'];
    case 'TestExpression':
      return ['test'];
    case 'KeywordArgumentExpression':
      return ['key'];
    case 'For':
      return ['loopvar'];
    case 'Set':
      return isNode(node['assignee']) && node['assignee'].type === 'MemberExpression' ? [] : ['assignee'];
    default:
      return isFilter(node) ? ['filter'] : [];
  }
}

function boundBy(node: SyntaxNode): readonly string[] {
  const { type, loopvar, assignee, name, args, callerArgs } = node;
  if (type === 'For') return namesOfTarget(loopvar);
  if (type === 'Set') return namesOfTarget(assignee);
  if (type === 'Macro') return [...namesOfTarget(name), ...namesOfTarget(args)];
  return type === 'CallStatement' ? namesOfTarget(callerArgs) : [];
}

function namesOfTarget(target: unknown): readonly string[] {
  return nodesOf(target).flatMap((node) => {
    if (node.type === 'TupleLiteral') return namesOfTarget(node['value']);
    if (node.type === 'KeywordArgumentExpression') return namesOfTarget(node['key']);
    // A namespace may hold a macro, which is then called like a method.
    if (node.type === 'MemberExpression') return namesOfTarget(node['property']);
    return nameOf(node) ?? [];
  });
}
