import type { Problem } from '../../errors/index.js';
import { messageOf } from '../../errors/index.js';
import { findFreeVariables } from '../prompts/template-variables.js';
import { UriTemplate } from '../resources/uri-template.js';
import { compilePattern } from '../values/pattern.js';
import type {
  ParameterDefinition,
  PromptFields,
  ResourceFields,
  TypeDefinition,
} from './definition-schema.js';
import { suggestion } from './suggestion.js';
import { problemAt } from './schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';

/** What no schema of a single key can say about parameters: names used twice, patterns that do not compile. */
export function checkParameters(
  parameters: readonly ParameterDefinition[],
  base: KeyPath,
  source: YamlSource,
): Problem[] {
  return parameters.flatMap((parameter, index) => {
    const path = [...base, 'parameters', index];
    const isRepeated = parameters.findIndex(({ name }) => name === parameter.name) < index;
    const repeated = isRepeated
      ? [problemAt([...path, 'name'], `parameter "${parameter.name}" is declared twice`, source)]
      : [];
    return [...repeated, ...checkType(parameter, path, source)];
  });
}

export function checkType(type: TypeDefinition, path: KeyPath, source: YamlSource): Problem[] {
  const problems: Problem[] = [];
  const patternError = type.pattern === undefined ? undefined : compilePattern(type.pattern).error;
  if (patternError !== undefined)
    problems.push(
      problemAt([...path, 'pattern'], `the pattern is not a regular expression: ${patternError}`, source),
    );
  for (const name of type.required ?? []) {
    const isKnown = type.properties === undefined || Object.hasOwn(type.properties, name);
    if (isKnown) continue;
    const message = `"required" names "${name}", which is not in "properties"${suggestion(name, Object.keys(type.properties ?? {}))}`;
    problems.push(problemAt([...path, 'required'], message, source));
  }
  if (type.items !== undefined) problems.push(...checkType(type.items, [...path, 'items'], source));
  for (const [name, property] of Object.entries(type.properties ?? {}))
    problems.push(...checkType(property, [...path, 'properties', name], source));
  return problems;
}

/** Every placeholder of the URI must be a declared parameter, and every parameter must occur in the URI. */
export function checkResourceUri(resource: ResourceFields, source: YamlSource): Problem[] {
  const template = new UriTemplate(resource.uri);
  if (template.syntaxError !== undefined)
    return [problemAt(['resource', 'uri'], `the URI ${template.syntaxError}`, source)];
  const declared = (resource.parameters ?? []).map(({ name }) => name);
  const undeclared = template.placeholders
    .filter((name) => !declared.includes(name))
    .map((name) => {
      const message = `the URI uses {${name}}, which is not a declared parameter${suggestion(name, declared)}`;
      return problemAt(['resource', 'uri'], message, source);
    });
  const unused = declared.flatMap((name, index) => {
    if (template.placeholders.includes(name)) return [];
    const message = `parameter "${name}" does not occur in the URI ${resource.uri}; add {${name}} to it or remove the parameter`;
    return [problemAt(['resource', 'parameters', index, 'name'], message, source)];
  });
  return [...undeclared, ...unused];
}

export interface PromptFindings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Templates must parse and read only declared parameters; MCP knows the roles user and assistant. */
export function checkPrompt(prompt: PromptFields, source: YamlSource): PromptFindings {
  const declared = (prompt.parameters ?? []).map(({ name }) => name);
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [index, message] of prompt.messages.entries()) {
    const path = ['prompt', 'messages', index];
    problems.push(...checkTemplate(message.prompt, declared, { path: [...path, 'prompt'], source }));
    if (message.role === 'system')
      warnings.push(
        problemAt([...path, 'role'], 'MCP has no role "system": the message is delivered as "user"', source),
      );
    else if (!isKnownRole(message.role))
      problems.push(
        problemAt([...path, 'role'], `"role" must be user or assistant, not "${message.role}"`, source),
      );
    if (message.type !== undefined && message.type !== 'text')
      problems.push(problemAt([...path, 'type'], `"type" must be text, not "${message.type}"`, source));
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

function checkTemplate(template: string, declared: readonly string[], place: TemplatePlace): Problem[] {
  try {
    return findFreeVariables(template)
      .filter((name) => !declared.includes(name))
      .map((name) => {
        const message = `the template reads "${name}", which is not a declared parameter${suggestion(name, declared)}`;
        return problemAt(place.path, message, place.source);
      });
  } catch (error) {
    return [problemAt(place.path, `the template is not valid Jinja: ${messageOf(error)}`, place.source)];
  }
}
