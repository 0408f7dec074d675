import type { Problem } from '../../errors/index.js';
import { messageOf } from '../../errors/index.js';
import { findFreeVariables } from '../prompts/template-variables.js';
import { UriTemplate } from '../resources/uri-template.js';
import type { DefinitionParts } from './definition-parts.js';
import { suggestion } from './suggestion.js';
import { problemAt } from './schema-problems.js';
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
  const undeclared = findUndeclared(template.placeholders, declared).map(({ name, hint }) => {
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
function findUndeclared(
  used: readonly string[],
  declared: DefinitionParts['declared'],
): readonly { readonly name: string; readonly hint: string }[] {
  const known = declared.filter((name) => name !== undefined);
  if (known.length < declared.length) return [];
  return used
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, hint: suggestion(name, known) }));
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
    problems.push(...checkTemplate(prompt, declared, { path: [...path, 'prompt'], source }));
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

function checkTemplate(
  template: string,
  declared: DefinitionParts['declared'],
  place: TemplatePlace,
): Problem[] {
  try {
    return findUndeclared(findFreeVariables(template), declared).map(({ name, hint }) => {
      const message = `the template reads "${name}", which is not a declared parameter${hint}`;
      return problemAt(place.path, message, place.source);
    });
  } catch (error) {
    return [problemAt(place.path, `the template is not valid Jinja: ${messageOf(error)}`, place.source)];
  }
}
