import {
  byPosition,
  DiskReader,
  SITE_FILE_NAME,
  type FileReadError,
  type ResolvedConfig,
} from '../../config/index.js';
import type { Problem } from '../../errors/index.js';
import { deepFreeze, EventLoopBudget, mapParallel } from '../../lifecycle/index.js';
import { SQL_TOOL_NAMES } from '../sql-tools/sql-tool-names.js';
import { DefaultCheck } from '../values/default-check.js';
import type { DefinitionFingerprint } from './definition-fingerprint.js';
import type { DefinitionFile } from './definition-file.js';
import { PARALLEL_READS, readDefinitionText, UNREADABLE } from './definition-text.js';
import type {
  DisabledEndpoint,
  EndpointCatalog,
  EndpointDefinition,
  EndpointFailure,
  EndpointKind,
} from './endpoint-definition.js';
import { findDefinitionFiles, type FoundDefinition } from './find-definition-files.js';
import { findDuplicates } from './find-duplicates.js';
import { readDefinition, type DefinitionReading } from './read-definition.js';
import { toProjectPath } from './project-path.js';

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
