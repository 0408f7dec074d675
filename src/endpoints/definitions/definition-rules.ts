import { type Problem, suggestion } from '../../errors/index.js';
import { checkTemplate } from '../../prompts/index.js';
import type { TypeDefinition } from '../../values/index.js';
import type { KeyPath, YamlSource } from '../../yaml/index.js';
import type { DefinitionParts } from './definition-parts.js';
import { problemAt, problemInText } from './schema-problems.js';
import { UriTemplate } from './uri-template.js';

/** Names that are used twice. */
export function findRepeatedNames(
  declared: DefinitionParts['declared'],
  base: KeyPath,
  source: YamlSource,
): Problem[] {
  return declared.flatMap((name, index) => {
    if (name === undefined || declared.indexOf(name) === index) return [];
    return [
      problemAt([...base, 'parameters', index, 'name'], `parameter "${name}" is declared twice`, source),
    ];
  });
}

/** Every placeholder of the URI must be a declared parameter, and every parameter must occur in the URI. */
export function checkResourceUri(
  uri: string,
  declared: DefinitionParts['declared'],
  source: YamlSource,
): Problem[] {
  const template = new UriTemplate(uri);
  if (template.syntaxError !== undefined)
    return [problemAt(['resource', 'uri'], `the URI ${template.syntaxError}`, source)];
  const undeclared = findUndeclared(
    template.placeholders.map((name) => ({ name })),
    declared,
  ).map(({ name, hint }) => {
    const message = `the URI uses {${name}}, which is not a declared parameter${hint}`;
    return problemAt(['resource', 'uri'], message, source);
  });
  const unused = declared.flatMap((name, index) => {
    if (name === undefined || template.placeholders.includes(name)) return [];
    const message = `parameter "${name}" does not occur in the URI ${uri}; add {${name}} to it or remove the parameter`;
    return [problemAt(['resource', 'parameters', index, 'name'], message, source)];
  });
  return [...undeclared, ...unused];
}

/** What a URI or a template uses and nobody declares. Nothing, as long as the name of a parameter cannot be made out. */
function findUndeclared<Use extends { readonly name: string }>(
  used: readonly Use[],
  declared: DefinitionParts['declared'],
): readonly (Use & { readonly hint: string })[] {
  const known = declared.filter((name) => name !== undefined);
  if (known.length < declared.length) return [];
  return used
    .filter(({ name }) => !known.includes(name))
    .map((use) => ({ ...use, hint: suggestion(use.name, known) }));
}

export interface PromptFindings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Templates must parse and read only declared parameters; MCP knows the roles user and assistant. */
export function checkMessages(
  { messages, declared }: Pick<DefinitionParts, 'messages' | 'declared'>,
  source: YamlSource,
): PromptFindings {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [index, message] of messages.entries()) {
    if (message === undefined) continue;
    const path = ['prompt', 'messages', index];
    const { prompt, role, type } = message;
    problems.push(...checkTemplateText(prompt, declared, { path: [...path, 'prompt'], source }));
    if (role === 'system')
      warnings.push(
        problemAt([...path, 'role'], 'MCP has no role "system": the message is delivered as "user"', source),
      );
    else if (!isKnownRole(role))
      problems.push(problemAt([...path, 'role'], `"role" must be user or assistant, not "${role}"`, source));
    if (type !== undefined && type !== 'text')
      problems.push(problemAt([...path, 'type'], `"type" must be text, not "${type}"`, source));
  }
  return { problems, warnings };
}

function isKnownRole(role: string | undefined): boolean {
  return role === undefined || role === 'user' || role === 'assistant';
}

interface TemplatePlace {
  readonly path: KeyPath;
  readonly source: YamlSource;
}

function checkTemplateText(
  template: string,
  declared: DefinitionParts['declared'],
  { path, source }: TemplatePlace,
): Problem[] {
  const { mistakes, variables } = checkTemplate(template);
  const undeclared = findUndeclared(variables, declared).map(({ name, hint, line }) => {
    const message = `the template reads "${name}", which is not a declared parameter${hint}`;
    return { line, message };
  });
  const inOrder = [...mistakes, ...undeclared].sort((a, b) => a.line - b.line);
  return inOrder.map(({ message, line }) => problemInText(path, message, { source, line }));
}

/**
 * Keys that protect something and that nothing enforces yet. An endpoint that has them is refused: serving it without
 * them would hand out what its author wanted kept.
 */
export function findUnenforcedProtections(
  { policies, parameters, returns }: DefinitionParts,
  base: KeyPath,
  source: YamlSource,
): Problem[] {
  const problems: Problem[] = [];
  if (asksForPolicies(policies)) {
    const message =
      'this version cannot enforce "policies", so it does not serve this endpoint; remove the key or the file';
    problems.push(problemAt([...base, 'policies'], message, source));
  }
  const types: [KeyPath, TypeDefinition | undefined][] = [
    ...parameters.map((type, index): [KeyPath, typeof type] => [[...base, 'parameters', index], type]),
    [[...base, 'return'], returns],
  ];
  for (const [path, type] of types) {
    for (const sensitive of type === undefined ? [] : sensitivePaths(type, path)) {
      const message =
        'this version cannot enforce "sensitive", so it does not serve this endpoint; remove the key or the file';
      problems.push(problemAt([...sensitive, 'sensitive'], message, source));
    }
  }
  return problems;
}

/** No rules ask for nothing; any other shape, also one we do not know, is taken as asking. */
function asksForPolicies(policies: unknown): boolean {
  if (policies === undefined || policies === null) return false;
  if (typeof policies !== 'object' || Array.isArray(policies)) return true;
  return Object.values(policies).some(
    (rules) => rules !== null && !(Array.isArray(rules) && rules.length === 0),
  );
}

function sensitivePaths(type: TypeDefinition, path: KeyPath): KeyPath[] {
  const own = type.sensitive === true ? [path] : [];
  const items = type.items === undefined ? [] : sensitivePaths(type.items, [...path, 'items']);
  const properties = Object.entries(type.properties ?? {}).flatMap(([name, property]) =>
    sensitivePaths(property, [...path, 'properties', name]),
  );
  return [...own, ...items, ...properties];
}
