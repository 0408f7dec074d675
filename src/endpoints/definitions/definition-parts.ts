import type { z } from 'zod';
import type { DiskReader } from '../../files/index.js';
import {
  type ParameterDefinition,
  parameterSchema,
  type TypeDefinition,
  typeSchema,
} from '../../values/index.js';
import type { DefaultCheck } from './default-check.js';
import {
  type MessageFields,
  messageSchema,
  type PromptFields,
  type ResourceFields,
  runSchema,
  type ToolFields,
} from './definition-schema.js';
import type { EndpointKind } from './endpoint-definition.js';

/** What an endpoint runs. */
export interface RunFields extends z.infer<typeof runSchema> {
  /** What Python is to call; undefined for a resource, whose file says so by itself. */
  readonly functionName: string | undefined;
}

/** What the rules look at. A part that the schema refused is left out, so that one mistake hides no other. */
export interface DefinitionParts {
  /** In their places, undefined for a refused one. */
  readonly parameters: readonly (ParameterDefinition | undefined)[];
  /** Names of the same parameters, also of a refused one; undefined where no name can be made out. */
  readonly declared: readonly (string | undefined)[];
  readonly returns: TypeDefinition | undefined;
  readonly policies: unknown;
  readonly run: RunFields | undefined;
  readonly uri: string | undefined;
  readonly messages: readonly (MessageFields | undefined)[];
}

/** The parts of an endpoint in which the schema found nothing wrong. */
export function toParts(fields: ToolFields | ResourceFields | PromptFields): DefinitionParts {
  const { parameters = [] } = fields;
  const functionName = 'uri' in fields ? undefined : fields.name;
  return {
    parameters,
    declared: parameters.map(({ name }) => name),
    returns: fields.return,
    policies: fields.policies,
    run: 'source' in fields ? { source: fields.source, language: fields.language, functionName } : undefined,
    uri: 'uri' in fields ? fields.uri : undefined,
    messages: 'messages' in fields ? fields.messages : [],
  };
}

/** The parts of a file that the schema takes, each by itself. */
export function toSoundParts(contents: unknown, kind: EndpointKind): DefinitionParts {
  const value = read(contents, kind);
  const parameters = itemsOf(read(value, 'parameters'));
  const name = read(value, 'name');
  const uri = read(value, 'uri');
  const run = parse(runSchema, value);
  return {
    parameters: parameters.map((parameter) => parse(parameterSchema, parameter)),
    declared: parameters.map((parameter) => asText(read(parameter, 'name'))),
    returns: parse(typeSchema, read(value, 'return')),
    policies: read(value, 'policies'),
    run: run && { ...run, functionName: uri === undefined ? asText(name) : undefined },
    uri: asText(uri),
    messages: itemsOf(read(value, 'messages')).map((message) => parse(messageSchema, message)),
  };
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  return schema.safeParse(value).data;
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

/** What stands in the place of a list counts as one item that nothing is known of. */
function itemsOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [undefined];
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An endpoint file as it was read. */
export interface DefinitionFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly text: string;
  /** The kind that the folder stands for. */
  readonly kind: EndpointKind;
  readonly projectRoot: string;
  /** The same for all files of one load, as is the next. */
  readonly disk: DiskReader;
  readonly defaults: DefaultCheck;
}
