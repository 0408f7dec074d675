import { dirname } from 'node:path';
import { type Icon, iconFilesOf, readIcons, toAnswerLimits, toCacheRule, toRateRule } from '../../config/index.js';
import { clip, nearestName, type Problem } from '../../errors/index.js';
import { type CompiledPolicies, compilePolicies, hasRules } from '../../policies/index.js';
import { explainMismatch, type Finding, isMapping, parseYaml, toProblems, type YamlSource } from '../../yaml/index.js';
import { MAX_FILE_BYTES, readDefinitionText, toProjectPath } from './definition-files.js';
import { checkRules, toConfirmRule } from './definition-rules.js';
import {
  type EndpointFields,
  type EndpointFileContents,
  endpointFileSchema,
  type EndpointParts,
  readParts,
  toPaging,
} from './definition-schema.js';
import {
  ENDPOINT_KINDS,
  type EndpointDefinition,
  type EndpointFailure,
  type EndpointKind,
  type EndpointSource,
  type PromptDefinition,
  type NamedFileFingerprint,
} from './endpoint-definition.js';
import { readMessages } from './read-messages.js';
import { readSource, type SourceContext } from './read-source.js';
import type { DefaultCheck } from './type-rules.js';
import { UriTemplate } from './uri-template.js';

/** The text of an endpoint file. */
export interface DefinitionFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly text: string;
  /** The kind of endpoints that the folder is for. */
  readonly kind: EndpointKind;
}

/** The same for all files of one load. */
export type DefinitionContext = SourceContext & { readonly defaults: DefaultCheck };

/** What one file turned out to be. It has a `definition` if it has no problems. */
export interface DefinitionReading extends Omit<EndpointFailure, 'path'> {
  readonly enabled: boolean;
  readonly description: string | undefined;
  readonly definition?: EndpointDefinition | undefined;
  /** Those that the file names. */
  readonly files?: readonly NamedFileFingerprint[] | undefined;
  readonly warnings: readonly Problem[];
}

/** Reads one endpoint file and the files that it names. What a person wrote wrong becomes a problem and never throws. */
export async function readDefinition(file: DefinitionFile, context: DefinitionContext): Promise<DefinitionReading> {
  const yaml = parseYaml(file.path, file.text);
  if (!yaml.ok) return { ...identityOf(null), problems: yaml.problems, warnings: [] };
  const { source } = yaml;
  const identity = identityOf(source.value);
  const kindFinding = checkKind(source.value, file.kind);
  if (kindFinding !== undefined) return { ...identity, problems: toProblems([kindFinding], source), warnings: [] };

  const parsed = endpointFileSchema.safeParse(source.value);
  const parts = readParts(parsed.success ? parsed.data : source.value, file.kind, parsed.success);
  const rules = checkRules(parts, context.defaults);
  const read = await readSource(parts, source, context);
  const prompt = await readMessages(parts, source, context);
  const { policies, findings } = await readPolicies(parts);
  const { icons, images, mistakes: imageMistakes } = await readImages(file, parts, context);
  const schemaFindings = parsed.success ? [] : explainMismatch(endpointFileSchema, source.value, true);
  // A definition without its protection must not come to exist.
  if (hasRules(parts.policies) && policies === undefined && findings.mistakes.length === 0 && parsed.success)
    throw new Error(`the policies of ${file.path} are lost`);
  const problems = toProblems(
    [
      ...schemaFindings,
      ...rules.mistakes,
      ...read.findings,
      ...prompt.findings,
      ...imageMistakes,
      ...findings.mistakes,
    ],
    source,
  );
  const definition =
    parsed.success && problems.length === 0
      ? toDefinition(file, parsed.data, { source, read: read.source, messages: prompt.messages, policies, icons })
      : undefined;
  const warnings = toProblems([...rules.warnings, ...findings.warnings], source);
  const files = [...(read.sqlFile === undefined ? [] : [read.sqlFile]), ...images, ...prompt.files];
  return { ...identity, definition, files, problems, warnings };
}

/** Rules are compiled only where everything that they may read could be read: otherwise a name would seem to be unknown. */
async function readPolicies({ kind, policies: written, parameters, returns, hasReturns }: EndpointParts) {
  const known = parameters.filter((each) => each !== undefined);
  const isReadable = known.length === parameters.length && (returns !== undefined || !hasReturns);
  if (written === undefined || !isReadable) return { policies: undefined, findings: { mistakes: [], warnings: [] } };
  const { policies, findings: found } = await compilePolicies(written, { kind, parameters: known, returns });
  const findings = found.map((finding) => ({ ...finding, at: [kind, 'policies', ...finding.at] }));
  const mistakes: Finding[] = findings.filter(({ isWarning }) => !isWarning);
  const warnings: Finding[] = findings.filter(({ isWarning }) => isWarning);
  return { policies, findings: { mistakes, warnings } };
}

/** Most endpoints have none. */
async function readImages(
  { path }: DefinitionFile,
  { kind, icons: written = [] }: EndpointParts,
  { projectRoot, disk }: DefinitionContext,
) {
  if (written.length === 0) return { icons: [], images: [], mistakes: [] };
  const place = { projectRoot, folder: dirname(path) };
  const read = (image: string, maxBytes: number) => disk.readFile(image, maxBytes);
  const { icons, findings } = await readIcons(written, { ...place, read });
  const images = iconFilesOf(written, place).map(async (image): Promise<NamedFileFingerprint> => {
    const { contentHash } = await readDefinitionText(image, disk, MAX_FILE_BYTES);
    return { path: toProjectPath(projectRoot, image), contentHash };
  });
  const mistakes = findings.map(({ index, message }): Finding => ({ at: [kind, 'icons', index], message }));
  return { icons, images: await Promise.all(images), mistakes };
}

/** What a file says about itself, as far as it is readable, so that a file with problems is still reported by name. */
function identityOf(value: unknown): Pick<DefinitionReading, 'kind' | 'name' | 'enabled' | 'description'> {
  const root = isMapping(value) ? value : {};
  const kind = ENDPOINT_KINDS.find((each) => Object.hasOwn(root, each)) ?? null;
  const inner = kind === null ? undefined : root[kind];
  const fields = isMapping(inner) ? inner : {};
  const { name = fields['uri'], enabled, description } = fields;
  return {
    kind,
    name: typeof name === 'string' ? clip(name, 1000) : null,
    enabled: enabled !== false,
    description: typeof description === 'string' ? description : undefined,
  };
}

/** Keys of an endpoint that are often written without the key of its kind above them. */
const INNER_KEYS = ['name', 'uri', 'source', 'messages'];

function checkKind(value: unknown, kind: EndpointKind): Finding | undefined {
  if (!isMapping(value)) return { at: [], message: `the file must be a mapping with the key \`${kind}\`` };
  const present = ENDPOINT_KINDS.filter((each) => Object.hasOwn(value, each) && value[each] !== null);
  const [found, second] = present;
  if (second !== undefined) {
    const message = `a file defines one endpoint; this one has ${present.map((each) => `\`${each}\``).join(' and ')}`;
    return { at: [second], message };
  }
  if (found === kind) return undefined;
  if (found !== undefined) {
    const message = `this file defines a ${found} but is in the folder of ${kind}s; move it to ${found}s/ or change its kind`;
    return { at: [found], message };
  }
  if (Object.hasOwn(value, kind)) return { at: [kind], message: `\`${kind}\` is empty; indent its keys below it` };
  const keys = Object.keys(value).filter((key) => key !== 'mxcp' && key !== 'metadata');
  const others = keys.length === 0 ? '' : `; it has ${keys.map((key) => `\`${key}\``).join(', ')}`;
  const isFlat = INNER_KEYS.some((key) => keys.includes(key));
  const misspelt = keys.find((key) => nearestName(key, [kind]) !== undefined);
  const instead = misspelt === undefined ? '' : `; write \`${kind}\` instead of \`${misspelt}\``;
  const advice = isFlat ? `; write \`${kind}:\` above these keys, and indent them` : instead;
  return { at: [], message: `the file has no \`${kind}\`${others}${advice}` };
}

interface ReadParts extends Pick<CompiledPolicies, 'policies'> {
  readonly icons: readonly Icon[];
  readonly source: YamlSource;
  readonly read: EndpointSource | undefined;
  readonly messages: PromptDefinition['messages'];
}

function positionsIn(source: YamlSource, kind: EndpointKind, identity: 'uri' | 'name') {
  const key = (...at: (string | number)[]) => source.positionOfKey([kind, ...at]);
  return {
    identity: () => key(identity),
    parameter: (index: number) => key('parameters', index, 'name'),
    key,
    test: (index: number) => key('tests', index, 'name'),
  };
}

function toDefinition(
  { path, kind }: DefinitionFile,
  contents: EndpointFileContents,
  found: ReadParts,
): EndpointDefinition | undefined {
  const fields: EndpointFields | undefined = contents.tool ?? contents.resource ?? contents.prompt;
  if (fields === undefined) return undefined;
  const { title, description, tags, parameters = [], scopes = [], tests = [] } = fields;
  const shared = {
    path,
    title,
    description,
    tags,
    icons: found.icons,
    parameters,
    returns: fields.return,
    scopes,
    rateLimit: fields.rate_limit && toRateRule(fields.rate_limit),
    tests,
    policies: found.policies,
    confirm: fields.confirm === undefined ? undefined : toConfirmRule(fields.confirm, parameters),
    metadata: contents.metadata,
    positions: positionsIn(found.source, kind, 'uri' in fields ? 'uri' : 'name'),
  };
  if ('messages' in fields) return { kind: 'prompt', ...shared, name: fields.name, messages: found.messages };
  const source = found.read;
  if (source === undefined) return undefined;
  const limits = toAnswerLimits(fields);
  if (!('uri' in fields)) {
    const { name, annotations, updates: changed = [] } = fields;
    const updates = changed.map((uri) => new UriTemplate(uri).text);
    return { kind: 'tool', ...shared, name, annotations, source, limits, paging: toPaging(fields.paging), updates };
  }
  const { uri: written, name = written, mime_type: mimeType, annotations } = fields;
  const cache = fields.cache && toCacheRule(fields.cache);
  const uri = new UriTemplate(written).text;
  return { kind: 'resource', ...shared, name, uri, mimeType, annotations, cache, source, limits };
}
