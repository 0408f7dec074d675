import { nearSuggestion } from '../errors/index.js';
import { argumentsOf, GROUPED, isFilter, isNode, nameOf, nodesOf, type SyntaxNode } from './jinja-library.js';
import { OWN_FILTERS } from './template-filters.js';
import { COMPARING_TESTS } from './template-methods.js';

const words = (text: string): readonly string[] => text.split(' ');

/** Filters of the library that accept no arguments. */
const BARE_FILTERS = words('abs bool keys lower safe trim upper values');
/** Filters of the library that accept arguments, and check them when the template is rendered. */
const OTHER_FILTERS = words('d default dictsort indent map replace sort tojson');

/** What templates may use, by kind. */
export const KNOWN_NAMES = {
  filters: [...BARE_FILTERS, ...OTHER_FILTERS, ...OWN_FILTERS.keys()],
  tests: words(
    'boolean callable defined even false integer iterable lower mapping none number odd sequence string true undefined upper',
  ),
  functions: words('range namespace caller'),
  'loop values': words('index index0 revindex revindex0 first last length previtem nextitem'),
  methods: words(
    'capitalize dictsort endswith get items keys lower lstrip replace rstrip split startswith strip title upper values',
  ),
} as const;

/** Variables and functions that every template has. */
export const BUILT_IN: ReadonlySet<string> = new Set([
  ...words('true false none True False None loop varargs kwargs'),
  ...KNOWN_NAMES.functions,
]);

/** A name that a template uses. */
export interface TemplateUse {
  readonly kind: 'variable' | 'filter' | 'test' | 'function' | 'method' | 'loop value';
  readonly name: string;
  readonly given: readonly SyntaxNode[];
}

/** All names in a parsed template, in order; `bound` are those that it sets itself. */
export function findNames(program: SyntaxNode): { uses: readonly TemplateUse[]; bound: readonly string[] } {
  const uses: TemplateUse[] = [];
  const bound: string[] = [];
  const visit = (node: SyntaxNode): void => {
    const use = toUse(node);
    if (use !== undefined) uses.push(use);
    bound.push(...boundBy(node));
    for (const [field, value] of Object.entries(node)) if (!isNameField(node, field)) nodesOf(value).forEach(visit);
    argumentsOf(node['filter']).forEach(visit);
  };
  visit(program);
  return { uses, bound };
}

function toUse(node: SyntaxNode): TemplateUse | undefined {
  const { type, filter, callee, test } = node;
  const toNamed = (kind: TemplateUse['kind'], named: unknown, call?: unknown): TemplateUse | undefined => {
    const name = nameOf(named);
    return name === undefined ? undefined : { kind, name, given: argumentsOf(call) };
  };
  if (isFilter(node)) return nameOf(filter) === GROUPED ? undefined : toNamed('filter', filter, filter);
  if (type === 'Identifier') return toNamed('variable', node);
  if (type === 'TestExpression') return toNamed('test', test);
  if (type === 'MemberExpression' && nameOf(node['object']) === 'loop' && node['computed'] !== true)
    return toNamed('loop value', node['property']);
  if (type !== 'CallExpression') return undefined;
  const isMethod = isNode(callee) && callee.type === 'MemberExpression' && callee['computed'] !== true;
  return isMethod ? toNamed('method', callee['property'], node) : toNamed('function', callee, node);
}

/** Whether a field holds a name instead of an expression. The arguments in `filter` are visited apart. */
function isNameField(node: SyntaxNode, field: string): boolean {
  switch (field) {
    case 'operator':
    case 'filter':
    case 'key':
      return true;
    case 'property':
      return node['computed'] !== true;
    case 'callee':
      return nameOf(node['callee']) !== undefined;
    default:
      return field === 'test' && node.type === 'TestExpression';
  }
}

function boundBy({ type, loopvar, assignee, name, args, callerArgs }: SyntaxNode): readonly string[] {
  if (type === 'For') return namesOfTarget(loopvar);
  if (type === 'Set') return namesOfTarget(assignee);
  if (type === 'Macro') return [...namesOfTarget(name), ...namesOfTarget(args)];
  return type === 'CallStatement' ? namesOfTarget(callerArgs) : [];
}

function namesOfTarget(target: unknown): readonly string[] {
  return nodesOf(target).flatMap((node) => {
    if (node.type === 'TupleLiteral') return namesOfTarget(node['value']);
    return nameOf(node.type === 'KeywordArgumentExpression' ? node['key'] : node) ?? [];
  });
}

/** Why a template cannot use a name, or undefined if it can. Variables are checked against the parameters of the prompt. */
export function explainUse({ kind, name, given }: TemplateUse): string | undefined {
  if (kind === 'variable') return undefined;
  const known: readonly string[] = KNOWN_NAMES[`${kind}s`];
  if (!known.includes(name)) return `there is no ${kind} "${name}" in prompts${nearSuggestion(name, known)}`;
  return kind === 'filter' ? explainArguments(name, given) : undefined;
}

function explainArguments(name: string, given: readonly SyntaxNode[]): string | undefined {
  const parameters = OWN_FILTERS.get(name)?.parameters ?? [];
  const isKnown = ({ type, key }: SyntaxNode, index: number): boolean =>
    type === 'KeywordArgumentExpression'
      ? parameters.includes(nameOf(key) ?? '')
      : index < parameters.length && !type.includes('Spread');
  if (!OTHER_FILTERS.includes(name) && !given.every(isKnown)) {
    const accepted = parameters.length === 0 ? 'no arguments' : `only ${parameters.join(', ')}`;
    return `the filter "${name}" accepts ${accepted} in prompts`;
  }
  if (name === 'map' && !given.some(({ key }) => nameOf(key) === 'attribute'))
    return 'the filter "map" needs an attribute in prompts: map(attribute="name")';
  const test = name === 'selectattr' || name === 'rejectattr' ? given[1]?.['value'] : undefined;
  const tests = [...KNOWN_NAMES.tests, ...COMPARING_TESTS];
  if (typeof test !== 'string' || tests.includes(test)) return undefined;
  return `there is no test "${test}" in prompts${nearSuggestion(test, tests)}`;
}
