import { parse, tokenize } from '@huggingface/jinja';

/** Names that the template language itself provides. */
const BUILT_IN = new Set([
  'loop',
  'range',
  'namespace',
  'caller',
  'true',
  'false',
  'none',
  'True',
  'False',
  'None',
  'raise_exception',
  'strftime_now',
]);

/**
 * The variables a template reads that it does not set itself, each once, in order. A name that is set or is a loop variable
 * anywhere in the template counts as set everywhere: a lint that never blames a correct template.
 * Throws what the template parser throws.
 */
export function findFreeVariables(template: string): string[] {
  const names = { read: new Set<string>(), bound: new Set<string>() };
  visit(parse(tokenize(template, { lstrip_blocks: false, trim_blocks: false })), names);
  return [...names.read].filter((name) => !names.bound.has(name) && !BUILT_IN.has(name));
}

interface Names {
  readonly read: Set<string>;
  readonly bound: Set<string>;
}

interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

function visit(value: unknown, names: Names): void {
  if (Array.isArray(value)) return value.forEach((item) => visit(item, names));
  if (value instanceof Map) return [...value].forEach((pair) => visit(pair, names));
  if (isNode(value)) visitNode(value, names);
}

function visitNode(node: SyntaxNode, names: Names): void {
  if (node.type === 'Identifier') {
    names.read.add(String(node['value']));
    return;
  }
  bind(node, names);
  for (const field of fieldsThatRead(node)) visit(node[field], names);
  // `x | default(y)`: the callee names a filter, only its arguments read variables.
  if (isFilter(node) && isNode(node['filter'])) visit(node['filter']['args'], names);
}

/** Fields that hold names which are not variables (an attribute, a filter, a test) or that introduce one are left out. */
function fieldsThatRead(node: SyntaxNode): string[] {
  const skipped = new Set<string>(['type', 'operator']);
  if (node.type === 'MemberExpression' && node['computed'] !== true) skipped.add('property');
  if (node.type === 'TestExpression') skipped.add('test');
  if (node.type === 'KeywordArgumentExpression') skipped.add('key');
  if (node.type === 'For') skipped.add('loopvar');
  if (node.type === 'Macro') skipped.add('name').add('args');
  if (node.type === 'Set' && isNode(node['assignee']) && node['assignee'].type !== 'MemberExpression')
    skipped.add('assignee');
  if (isFilter(node)) skipped.add('filter');
  return Object.keys(node).filter((field) => !skipped.has(field));
}

function isFilter({ type }: SyntaxNode): boolean {
  return type === 'FilterExpression' || type === 'FilterStatement';
}

function bind(node: SyntaxNode, names: Names): void {
  if (node.type === 'For') bindTarget(node['loopvar'], names);
  if (node.type === 'Set') bindTarget(node['assignee'], names);
  if (node.type === 'Macro') {
    bindTarget(node['name'], names);
    bindTarget(node['args'], names);
  }
  if (node.type === 'CallStatement') bindTarget(node['callerArgs'], names);
}

function bindTarget(target: unknown, names: Names): void {
  if (Array.isArray(target)) return target.forEach((item) => bindTarget(item, names));
  if (!isNode(target)) return;
  if (target.type === 'Identifier') names.bound.add(String(target['value']));
  if (target.type === 'TupleLiteral') bindTarget(target['value'], names);
  if (target.type === 'KeywordArgumentExpression') bindTarget(target['key'], names);
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
