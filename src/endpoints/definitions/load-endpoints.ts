import { join, relative, sep } from 'node:path';
import { byPosition, type Problem } from '../../errors/index.js';
import { DiskReader, type FileReadError } from '../../files/index.js';
import { deepFreeze, EventLoopBudget, mapParallel } from '../../lifecycle/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import {
  type EndpointFolders,
  findChange,
  findDefinitionFiles,
  type FoundDefinition,
  PARALLEL_READS,
  readDefinitionText,
  toProjectPath,
  UNREADABLE,
} from './definition-files.js';
import {
  type DefinitionFingerprint,
  ENDPOINT_KINDS,
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointKind,
  endpointLabel,
} from './endpoint-definition.js';
import { type DefinitionContext, type DefinitionReading, readDefinition } from './read-definition.js';
import { SQL_TOOL_NAMES } from './select-endpoint.js';
import { DefaultCheck } from './type-rules.js';
import { findUnknownUpdates } from './update-rules.js';
import { UriTemplate } from './uri-template.js';

/**
 * Loads all endpoint files of a project: finds them, reads each once together with the SQL file that it names, and checks
 * it. A file or folder with problems becomes a failure in the catalog and does not affect the others. The sound definitions
 * of `known`, an earlier catalog of the same project, are kept where their files have the same content.
 */
export async function loadEndpoints(config: EndpointFolders, known?: EndpointCatalog): Promise<EndpointCatalog> {
  const { projectRoot, paths } = config;
  const sound = new Map(known?.endpoints.map((definition) => [definition.path, definition]));
  const context = { projectRoot, disk: new DiskReader(), defaults: new DefaultCheck(), sound, known };
  const budget = new EventLoopBudget();
  const files: LoadedFile[] = [];
  const unread: Problem[] = [];
  for (const kind of ENDPOINT_KINDS) {
    const folder = paths[`${kind}s`];
    const onUnread = (path: string): void => {
      const message = 'this file is not read; the name of an endpoint file ends in .yml or .yaml';
      unread.push({ file: toProjectPath(projectRoot, path), message });
    };
    const found = await findDefinitionFiles(folder, context.disk, onUnread);
    files.push(...(await mapParallel(found, PARALLEL_READS, (each) => loadFile(kind, each, context, budget))));
    unread.push(...(await findMisplaced(kind, config, context.disk)));
  }
  return deepFreeze(buildCatalog(files, unread, config.sqlTools.enabled));
}

/** The folder `tool` is an easy slip, and without this its files would not exist for the server. */
async function findMisplaced(kind: EndpointKind, config: EndpointFolders, disk: DiskReader): Promise<Problem[]> {
  const { projectRoot, paths } = config;
  const folder = join(projectRoot, kind);
  if (Object.values(paths).some((path) => !relative(path, folder).startsWith('..') || path.startsWith(folder + sep)))
    return [];
  const found = await findDefinitionFiles(folder, disk);
  const intended = toProjectPath(projectRoot, paths[`${kind}s`]);
  if (!found.some(({ folderError }) => folderError === undefined)) return [];
  return [{ file: kind, message: `the endpoint files of this folder are not read; move them to ${intended}/` }];
}

interface LoadedFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly reading: DefinitionReading;
  readonly fingerprint: DefinitionFingerprint;
}

interface LoadContext extends DefinitionContext {
  readonly known: EndpointCatalog | undefined;
  /** The endpoints of `known`, by path. */
  readonly sound: ReadonlyMap<string, EndpointDefinition>;
}

async function loadFile(
  kind: EndpointKind,
  found: FoundDefinition,
  context: LoadContext,
  budget: EventLoopBudget,
): Promise<LoadedFile> {
  const path = toProjectPath(context.projectRoot, found.path);
  const fail = (contentHash: string, message: string): LoadedFile => {
    const identity = { kind, name: null, enabled: true, description: undefined };
    const reading = { ...identity, problems: [{ file: path, message }], warnings: [] };
    return { path, reading, fingerprint: { contentHash } };
  };
  if (found.folderError !== undefined) return fail(UNREADABLE, explainFolder(found.folderError));
  const kept = await keepDefinition(kind, found, context);
  if (kept !== undefined) return kept;
  const read = await readDefinitionText(found.path, context.disk);
  if (read.text === undefined) return fail(read.contentHash, `the file ${read.error.message}`);
  // The texts of several files may arrive in the same turn of the event loop.
  await budget.spend();
  const reading = await readDefinition({ path, text: read.text, kind }, context);
  return { path, reading, fingerprint: { contentHash: read.contentHash, files: reading.files } };
}

/** A definition depends on nothing but its files. A Python file may have disappeared, so such an endpoint is read again. */
async function keepDefinition(
  kind: EndpointKind,
  found: FoundDefinition,
  context: LoadContext,
): Promise<LoadedFile | undefined> {
  const path = toProjectPath(context.projectRoot, found.path);
  const definition = context.sound.get(path);
  const fingerprint = context.known?.fingerprints.get(path);
  if (definition?.kind !== kind || fingerprint === undefined) return undefined;
  if (definition.kind !== 'prompt' && definition.source.language === 'python') return undefined;
  if ((await findChange(found, fingerprint, context)) !== undefined) return undefined;
  const { name, description } = definition;
  const warnings = context.known?.warnings.filter(({ file }) => file === path) ?? [];
  return { path, fingerprint, reading: { kind, name, enabled: true, description, definition, problems: [], warnings } };
}

function explainFolder({ message, isRefused }: FileReadError): string {
  const hint = '; let this user read it (chmod u+rx, chown), or move it out of the endpoint folders';
  return `the folder ${message}${isRefused ? hint : ''}`;
}

function buildCatalog(files: readonly LoadedFile[], unread: readonly Problem[], hasSqlTools: boolean): EndpointCatalog {
  // Problems of a disabled endpoint do not matter until it is enabled.
  const disabled = files.flatMap(({ path, reading }) =>
    isDisabled(reading) ? [{ path, kind: reading.kind, name: reading.name, description: reading.description }] : [],
  );
  const enabled = files.filter(({ reading }) => !isDisabled(reading));
  const sound = enabled.flatMap(({ reading: { definition } }) => definition ?? []);
  const conflicts = findConflicts(sound, hasSqlTools);
  // A resource that cannot be read may be the one.
  if (
    enabled.every(
      ({ reading }) => reading.definition !== undefined || reading.kind === 'tool' || reading.kind === 'prompt',
    )
  )
    findUnknownUpdates(sound, ({ path }, problem) => conflicts.set(path, [...(conflicts.get(path) ?? []), problem]));
  const failures = enabled.flatMap(({ path, reading: { kind, name, definition, problems } }) => {
    const all = definition === undefined ? problems : (conflicts.get(path) ?? []);
    if (definition !== undefined && all.length === 0) return [];
    return [{ path, kind, name, problems: all.toSorted(byPosition) }];
  });
  const warnings = enabled.flatMap(({ reading }) => (reading.definition === undefined ? [] : reading.warnings));
  return {
    endpoints: sound.filter(({ path }) => !conflicts.has(path)),
    failures: failures.sort((a, b) => (a.path < b.path ? -1 : 1)),
    disabled,
    warnings: [...(enabled.length > 0 || hasSqlTools ? warnings : [warnOfNoEndpoints(files.length > 0)]), ...unread],
    fingerprints: new Map(files.map(({ path, fingerprint }) => [path, fingerprint])),
  };
}

function isDisabled(
  reading: DefinitionReading,
): reading is DefinitionReading & { readonly kind: EndpointKind; readonly name: string } {
  return !reading.enabled && reading.kind !== null && reading.name !== null;
}

/** A server without endpoints looks as healthy as any other, and is hardly ever intended. */
function warnOfNoEndpoints(hasFiles: boolean): Problem {
  const reason = hasFiles ? 'all endpoints are switched off' : 'the endpoint folders have no endpoint file';
  return { file: SITE_FILE_NAME, message: `clients will find nothing to call: ${reason}` };
}

/** Problems of endpoints that share a name, by path: with a built-in SQL tool, or with each other. */
function findConflicts(
  definitions: readonly EndpointDefinition[],
  hasSqlTools: boolean,
): Map<string, readonly Problem[]> {
  const problems = new Map<string, Problem[]>();
  const report = ({ path, positions }: EndpointDefinition, message: string): void => {
    problems.set(path, [...(problems.get(path) ?? []), { ...positions.identity(), message }]);
  };
  for (const group of groupByIdentity(definitions)) {
    for (const definition of group) {
      const { kind, name } = definition;
      if (hasSqlTools && kind === 'tool' && SQL_TOOL_NAMES.includes(name))
        report(definition, `the name "${name}" belongs to a built-in SQL tool; rename it or switch off \`sql_tools\``);
      if (group.length === 1) continue;
      const others = group.filter((other) => other !== definition).map(({ path }) => path);
      const label = endpointLabel(kind, kind === 'resource' ? definition.uri : name);
      report(definition, `${label} is also defined in ${others.join(', ')}; keep one`);
    }
  }
  return problems;
}

/**
 * Endpoints that a client cannot distinguish, together. MCP has a namespace for each kind, so a tool and a prompt may share a
 * name. Resources are known by their URI; templates that differ only in the names of placeholders are the same.
 */
function groupByIdentity(definitions: readonly EndpointDefinition[]): EndpointDefinition[][] {
  const groups = new Map<string, EndpointDefinition[]>();
  for (const definition of definitions) {
    const { kind } = definition;
    const key = `${kind} ${kind === 'resource' ? new UriTemplate(definition.uri).shape : definition.name}`;
    groups.set(key, [...(groups.get(key) ?? []), definition]);
  }
  return [...groups.values()];
}
