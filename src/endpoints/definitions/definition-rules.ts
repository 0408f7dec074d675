import type { Problem } from '../../errors/index.js';
import { checkTemplate } from '../prompts/check-template.js';
import { UriTemplate } from '../resources/uri-template.js';
import type { DefinitionParts } from './definition-parts.js';
import { suggestion } from './suggestion.js';
import { problemAt, problemInText } from './schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';

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
