import { argumentsOf } from './filter-use.js';
import { childrenOf, isFilter, isNode, nameOf, nodesOf, type SyntaxNode } from './syntax-nodes.js';

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
