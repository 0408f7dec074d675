import type { Problem } from '../../errors/index.js';
import type { ParameterDefinition } from '../../values/index.js';
import { type KeyPath, parseYaml, type YamlSource } from '../../yaml/index.js';
import { type DefinitionFile, type DefinitionParts, toParts, toSoundParts } from './definition-parts.js';
import {
  checkMessages,
  checkResourceUri,
  findRepeatedNames,
  findUnenforcedProtections,
} from './definition-rules.js';
import {
  type EndpointFileContents,
  endpointFileSchema,
  type PromptFields,
  type ResourceFields,
  type ToolFields,
} from './definition-schema.js';
import type { EndpointDefinition, EndpointKind, EndpointSource, SqlFileMark } from './endpoint-definition.js';
import { readSource } from './read-source.js';
import { problemAt, toProblems } from './schema-problems.js';
import { checkType, warnOfType } from './type-rules.js';

const KINDS = ['tool', 'resource', 'prompt'] as const satisfies readonly EndpointKind[];

/** What one file turned out to be. `definition` is absent when there are problems. */
export interface DefinitionReading {
  readonly kind: EndpointKind | null;
  readonly name: string | null;
  readonly enabled: boolean;
  readonly description: string | undefined;
  readonly definition?: EndpointDefinition | undefined;
  readonly sqlFile?: SqlFileMark | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Parses one endpoint file and everything it refers to. Never throws for what a person wrote: that becomes problems. */
export async function readDefinition(file: DefinitionFile): Promise<DefinitionReading> {
  const yaml = parseYaml(file.path, file.text);
  const identity = identityOf(yaml.ok ? yaml.source.value : null);
  const failed = (problems: readonly Problem[]): DefinitionReading => ({
    ...identity,
    description: undefined,
    problems,
    warnings: [],
  });
  if (!yaml.ok) return failed(yaml.problems);
  const { source } = yaml;
  const kindProblem = checkKind(source, file);
  if (kindProblem !== undefined) return failed([kindProblem]);
  const parsed = endpointFileSchema.safeParse(source.value);
  if (parsed.success) return readFields({ contents: parsed.data, source, file }, identity);
  const rest = await checkParts(toSoundParts(source.value, file.kind), source, file);
  const problems = [...toProblems(parsed.error, endpointFileSchema, source), ...rest.problems];
  return { ...failed(problems), sqlFile: rest.sqlFile };
}

interface ParsedFile {
  readonly contents: EndpointFileContents;
  readonly source: YamlSource;
  readonly file: DefinitionFile;
}

async function readFields(parsed: ParsedFile, identity: Identity): Promise<DefinitionReading> {
  const { contents, source, file } = parsed;
  const fields = fieldsOf(contents);
  const {
    problems,
    warnings,
    read: endpointSource,
    sqlFile,
  } = await checkParts(toParts(fields), source, file);
  const definition = problems.length > 0 ? undefined : toDefinition(parsed, fields, endpointSource);
  return { ...identity, description: fields.description, definition, sqlFile, problems, warnings };
}

function toDefinition(
  { contents, source, file }: ParsedFile,
  fields: ToolFields | ResourceFields | PromptFields,
  endpointSource: EndpointSource | undefined,
): EndpointDefinition | undefined {
  const shared = {
    path: file.path,
    name: nameOf(fields),
    description: fields.description,
    tags: fields.tags,
    parameters: fields.parameters ?? [],
    returns: fields.return,
    tests: fields.tests ?? [],
    metadata: contents.metadata,
    positions: {
      identity: source.positionOfKey([file.kind, 'uri' in fields ? 'uri' : 'name']),
      parameters: (fields.parameters ?? []).map((_, index) =>
        source.positionOfKey([file.kind, 'parameters', index, 'name']),
      ),
    },
  };
  if ('messages' in fields) {
    const messages = fields.messages.map(({ prompt, role }) => ({
      template: prompt,
      role: role === 'assistant' ? ('assistant' as const) : ('user' as const),
    }));
    return { kind: 'prompt', ...shared, messages };
  }
  if (endpointSource === undefined) return undefined;
  if ('uri' in fields)
    return {
      kind: 'resource',
      ...shared,
      uri: fields.uri,
      mimeType: fields.mime_type,
      source: endpointSource,
    };
  return { kind: 'tool', ...shared, annotations: fields.annotations, source: endpointSource };
}

function fieldsOf(contents: EndpointFileContents): ToolFields | ResourceFields | PromptFields {
  const fields = contents.tool ?? contents.resource ?? contents.prompt;
  if (fields === undefined) throw new Error('checkKind lets no file through that has no kind');
  return fields;
}

function nameOf(fields: ToolFields | ResourceFields | PromptFields): string {
  return 'uri' in fields ? (fields.name ?? fields.uri) : fields.name;
}

function checkKind(source: YamlSource, file: DefinitionFile): Problem | undefined {
  const { value } = source;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problemAt([], `the file must be a mapping with the key "${file.kind}"`, source);
  const present = KINDS.filter((kind) => Object.hasOwn(value, kind) && Reflect.get(value, kind) !== null);
  if (present.length > 1)
    return problemAt(
      [present[1] ?? file.kind],
      `one file holds one endpoint; this one has ${present.join(' and ')}`,
      source,
    );
  const found = present[0];
  if (found === undefined)
    return problemAt([], `the file has no "${file.kind}"${unknownRootKeys(value)}`, source);
  if (found === file.kind) return undefined;
  const message = `this file defines a ${found} but lies among the ${file.kind}s; move it to ${found}s/ or change its kind`;
  return problemAt([found], message, source);
}

function unknownRootKeys(value: object): string {
  const keys = Object.keys(value).filter((key) => key !== 'mxcp' && key !== 'metadata');
  return keys.length === 0 ? '' : `; it has ${keys.map((key) => `"${key}"`).join(', ')}`;
}

type Identity = Pick<DefinitionReading, 'kind' | 'name' | 'enabled'>;

/** Kind and name as far as they can be made out, so that a broken file can still be reported by name. */
function identityOf(value: unknown): Identity {
  if (typeof value !== 'object' || value === null) return { kind: null, name: null, enabled: true };
  const kind = KINDS.find((candidate) => Object.hasOwn(value, candidate)) ?? null;
  const fields: unknown = kind === null ? null : Reflect.get(value, kind);
  if (typeof fields !== 'object' || fields === null) return { kind, name: null, enabled: true };
  const name: unknown = Reflect.get(fields, 'name') ?? Reflect.get(fields, 'uri');
  const enabled = Reflect.get(fields, 'enabled') !== false;
  return { kind, name: typeof name === 'string' ? name : null, enabled };
}

export interface PartsFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What the endpoint runs; undefined when it runs nothing or that has problems. */
  readonly read?: EndpointSource | undefined;
  readonly sqlFile?: SqlFileMark | undefined;
}

/** Runs every rule on the parts it is about, and reads what the endpoint runs. */
export async function checkParts(
  parts: DefinitionParts,
  source: YamlSource,
  file: DefinitionFile,
): Promise<PartsFindings> {
  const base = [file.kind];
  const { run, uri, declared, returns } = parts;
  const messages = checkMessages(parts, source);
  const request = { base, source, projectRoot: file.projectRoot, disk: file.disk };
  const found = run === undefined ? undefined : await readSource({ run, ...request });
  return {
    problems: [
      ...findRepeatedNames(declared, base, source),
      ...checkParameterTypes(parts, { base, source, file }),
      ...(returns === undefined ? [] : checkType(returns, [...base, 'return'], source)),
      ...findUnenforcedProtections(parts, base, source),
      ...messages.problems,
      ...(uri === undefined ? [] : checkResourceUri(uri, declared, source)),
      ...(found?.problems ?? []),
    ],
    warnings: [...messages.warnings, ...warnOfTypes(parts, base, source)],
    read: found?.read,
    sqlFile: found?.sqlFile,
  };
}

interface Place {
  readonly base: KeyPath;
  readonly source: YamlSource;
  readonly file: DefinitionFile;
}

function warnOfTypes({ parameters, returns }: DefinitionParts, base: KeyPath, source: YamlSource): Problem[] {
  const ofParameters = parameters.flatMap((parameter, index) =>
    parameter === undefined ? [] : warnOfType(parameter, [...base, 'parameters', index], source),
  );
  return [
    ...ofParameters,
    ...(returns === undefined ? [] : warnOfType(returns, [...base, 'return'], source)),
  ];
}

function checkParameterTypes({ parameters }: DefinitionParts, { base, source, file }: Place): Problem[] {
  const problems: Problem[] = [];
  // With holes in it, so that those that are left keep their places.
  const sound: ParameterDefinition[] = [];
  for (const [index, parameter] of parameters.entries()) {
    if (parameter === undefined) continue;
    const found = checkType(parameter, [...base, 'parameters', index], source);
    problems.push(...found);
    // A default is tried against its type only when the type itself is sound.
    if (found.length === 0) sound[index] = parameter;
  }
  return [...problems, ...file.defaults.findProblems(sound, base, source)];
}
