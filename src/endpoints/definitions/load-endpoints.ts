import { join } from 'node:path';
import type { ResolvedConfig } from '../../config/index.js';
import { byPosition, type Problem } from '../../errors/index.js';
import { DiskReader, type FileReadError } from '../../files/index.js';
import { deepFreeze, EventLoopBudget, mapParallel } from '../../lifecycle/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import { DefaultCheck } from './default-check.js';
import type { DefinitionFile } from './definition-parts.js';
import {
  type DefinitionFingerprint,
  type DisabledEndpoint,
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointFailure,
  type EndpointKind,
  endpointLabel,
} from './endpoint-definition.js';
import { findDefinitionFiles, type FoundDefinition } from './find-definition-files.js';
import { type DefinitionReading, readDefinition } from './read-definition.js';
import { PARALLEL_READS, readDefinitionText, toProjectPath, UNREADABLE } from './read-source.js';
import { SQL_TOOL_NAMES } from './select-endpoint.js';
import { UriTemplate } from './uri-template.js';

/** The part of the configuration that says where endpoints are. */
export type EndpointFolders = Pick<ResolvedConfig, 'projectRoot'> & {
  readonly paths: Pick<ResolvedConfig['paths'], 'tools' | 'resources' | 'prompts'>;
  readonly sqlTools: Pick<ResolvedConfig['sqlTools'], 'enabled'>;
};

/**
 * Reads every endpoint file of a project and the SQL files they name, once. What is wrong with a file becomes a failure
 * of that file, and so does a folder that cannot be looked into.
 */
export async function loadEndpoints(config: EndpointFolders): Promise<EndpointCatalog> {
  const draft = new CatalogDraft();
  const shared = {
    projectRoot: config.projectRoot,
    disk: new DiskReader(),
    defaults: new DefaultCheck(),
    budget: new EventLoopBudget(),
  };
  for (const [kind, folder] of foldersOf(config)) {
    const found = await findDefinitionFiles(folder, shared.disk);
    const readings = await mapParallel(found, PARALLEL_READS, (each) => readFound(kind, each, shared));
    for (const reading of readings) draft.add(reading);
  }
  if (config.sqlTools.enabled) draft.reserveSqlToolNames();
  else draft.warnWhenEmpty();
  return draft.finish();
}

function foldersOf({ paths }: EndpointFolders): [EndpointKind, string][] {
  return [
    ['tool', paths.tools],
    ['resource', paths.resources],
    ['prompt', paths.prompts],
  ];
}

interface FileReading {
  readonly path: string;
  readonly reading: DefinitionReading;
  readonly fingerprint: DefinitionFingerprint;
}

type Shared = Pick<DefinitionFile, 'projectRoot' | 'disk' | 'defaults'> & {
  readonly budget: EventLoopBudget;
};

async function readFound(
  kind: EndpointKind,
  found: FoundDefinition,
  { budget, ...shared }: Shared,
): Promise<FileReading> {
  const path = toProjectPath(shared.projectRoot, found.path);
  if ('folderError' in found)
    return unreadable({ path, kind, mark: UNREADABLE, message: whyNoFolder(found.folderError) });
  const read = await readDefinitionText(found.path, shared.disk);
  const { mark } = read;
  if (read.text === undefined)
    return unreadable({ path, kind, mark, message: `the file ${read.error.message}` });
  // Texts of several files may arrive in one turn of the loop.
  await budget.spend();
  const reading = await readDefinition({ path, text: read.text, kind, ...shared });
  return { path, reading, fingerprint: { mark, sqlFile: reading.sqlFile } };
}

interface Unreadable {
  readonly path: string;
  readonly kind: EndpointKind;
  readonly mark: string;
  readonly message: string;
}

function unreadable({ path, kind, mark, message }: Unreadable): FileReading {
  const problems = [{ file: path, message }];
  const reading = { kind, name: null, enabled: true, description: undefined, problems, warnings: [] };
  return { path, reading, fingerprint: { mark } };
}

function whyNoFolder({ message, isRefused }: FileReadError): string {
  const mend = '; let this user read it (chmod u+rx, chown), or move it out of the folder of the endpoints';
  return `the folder ${message}${isRefused ? mend : ''}`;
}

/** Collects readings until the catalogue is whole; afterwards nothing changes any more. */
class CatalogDraft {
  readonly #definitions: EndpointDefinition[] = [];
  readonly #failures: EndpointFailure[] = [];
  readonly #disabled: DisabledEndpoint[] = [];
  readonly #warnings: Problem[] = [];
  readonly #fingerprints = new Map<string, DefinitionFingerprint>();

  add({ path, reading, fingerprint }: FileReading): void {
    this.#fingerprints.set(path, fingerprint);
    const { kind, name, definition } = reading;
    if (!reading.enabled && kind !== null && name !== null) {
      // Switched off is switched off: what else is wrong with it does not matter until it is switched on.
      this.#disabled.push({ path, kind, name, description: reading.description });
    } else if (definition === undefined) {
      this.#failures.push({ path, kind, name, problems: reading.problems.toSorted(byPosition) });
    } else {
      this.#definitions.push(definition);
      this.#warnings.push(...reading.warnings);
    }
  }

  reserveSqlToolNames(): void {
    for (const definition of this.#definitions) {
      if (definition.kind !== 'tool' || !SQL_TOOL_NAMES.includes(definition.name)) continue;
      const message = `the name "${definition.name}" belongs to a built-in SQL tool; rename it or switch off "sql_tools"`;
      this.#fail(definition, { ...definition.positions.identity, message });
    }
  }

  /** Nothing to call is hardly ever meant, and a server that has nothing looks as healthy as any other. */
  warnWhenEmpty(): void {
    if (this.#definitions.length + this.#failures.length > 0) return;
    const files =
      this.#disabled.length === 0 ? 'have no endpoint file' : 'have only endpoints that are switched off';
    const message = `clients will find nothing to call: the folders of tools, resources and prompts ${files}`;
    this.#warnings.push({ file: SITE_FILE_NAME, message });
  }

  finish(): EndpointCatalog {
    for (const [definition, problem] of findDuplicates(this.#definitions)) this.#fail(definition, problem);
    const failed = new Set(this.#failures.map(({ path }) => path));
    return deepFreeze({
      endpoints: this.#definitions.filter(({ path }) => !failed.has(path)),
      failures: this.#failures.sort((a, b) => (a.path < b.path ? -1 : 1)),
      disabled: this.#disabled,
      warnings: this.#warnings,
      fingerprints: this.#fingerprints,
    });
  }

  #fail({ path, kind, name }: EndpointDefinition, problem: Problem): void {
    this.#failures.push({ path, kind, name, problems: [problem] });
  }
}

/**
 * Endpoints that a client could not tell apart, with the problem of each. Tools, prompts and resources are separate
 * namespaces in MCP, so a tool and a prompt may share a name; a resource is known by its URI, and two templates that
 * differ only in the names of their placeholders are the same.
 */
export function findDuplicates(definitions: readonly EndpointDefinition[]): Map<EndpointDefinition, Problem> {
  const problems = new Map<EndpointDefinition, Problem>();
  for (const group of groupByIdentity(definitions)) {
    if (group.length < 2) continue;
    for (const definition of group) {
      const others = group.filter((other) => other !== definition).map(({ path }) => path);
      problems.set(definition, {
        ...definition.positions.identity,
        message: `${describe(definition)} is also defined in ${others.join(', ')}; keep one`,
      });
    }
  }
  return problems;
}

function groupByIdentity(definitions: readonly EndpointDefinition[]): EndpointDefinition[][] {
  const groups = new Map<string, EndpointDefinition[]>();
  for (const definition of definitions) {
    const key = `${definition.kind} ${identityOf(definition)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [definition]);
    else group.push(definition);
  }
  return [...groups.values()];
}

function identityOf(definition: EndpointDefinition): string {
  return definition.kind === 'resource' ? new UriTemplate(definition.uri).shape : definition.name;
}

function describe(definition: EndpointDefinition): string {
  return endpointLabel(definition.kind, definition.kind === 'resource' ? definition.uri : definition.name);
}

type Fingerprints = EndpointCatalog['fingerprints'];

/**
 * How the endpoint files on disk differ from those that serve, one line a file, sorted: `tools/sales.yml: changed`. Files
 * are read and hashed, not parsed: every reload asks, also with a thousand files. Of a folder that cannot be looked into
 * nobody can tell, and `tools/more: unreadable` is all that is said.
 */
export async function findDefinitionChanges(
  { projectRoot, paths }: EndpointFolders,
  { fingerprints }: { readonly fingerprints: Fingerprints },
): Promise<string[]> {
  const comparison = new Comparison(projectRoot, fingerprints);
  for (const folder of [paths.tools, paths.resources, paths.prompts]) await comparison.compareFolder(folder);
  return comparison.finish();
}

class Comparison {
  readonly #projectRoot: string;
  readonly #served: Fingerprints;
  readonly #disk = new DiskReader();
  readonly #budget = new EventLoopBudget();
  readonly #changes: string[] = [];
  readonly #onDisk = new Set<string>();
  readonly #unreadable: string[] = [];

  constructor(projectRoot: string, served: Fingerprints) {
    this.#projectRoot = projectRoot;
    this.#served = served;
  }

  async compareFolder(folder: string): Promise<void> {
    const found = await findDefinitionFiles(folder, this.#disk);
    await mapParallel(found, PARALLEL_READS, (each) => this.#compare(each));
  }

  finish(): string[] {
    const removed = [...this.#served.keys()].filter(
      (path) => !this.#onDisk.has(path) && !this.#unreadable.some((folder) => path.startsWith(`${folder}/`)),
    );
    return [...this.#changes, ...removed.map((path) => `${path}: removed`)].sort();
  }

  async #compare(found: FoundDefinition): Promise<void> {
    const path = toProjectPath(this.#projectRoot, found.path);
    const served = this.#served.get(path);
    this.#onDisk.add(path);
    if ('folderError' in found) {
      this.#unreadable.push(path);
      if (served?.mark !== UNREADABLE) this.#changes.push(`${path}: unreadable`);
    } else if (served === undefined) this.#changes.push(`${path}: added`);
    else if (await this.#hasChanged(found.path, served)) this.#changes.push(`${path}: changed`);
    await this.#budget.spend();
  }

  async #hasChanged(file: string, { mark, sqlFile }: DefinitionFingerprint): Promise<boolean> {
    if ((await readDefinitionText(file, this.#disk)).mark !== mark) return true;
    if (sqlFile === undefined) return false;
    const path = join(this.#projectRoot, sqlFile.path);
    return (await readDefinitionText(path, this.#disk)).mark !== sqlFile.mark;
  }
}
