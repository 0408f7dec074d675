import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ExtensionDefinition } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, type Problem, problemsError } from '../../errors/index.js';
import {
  assertOnDisk,
  assertPermitted,
  type DatabaseFile,
  ensureDatabaseFolder,
  type FileNames,
  fileNamesOf,
  findDatabaseFile,
  type InstanceLimits,
  isSameFile,
  openNative,
  statDatabaseFile,
} from '../files/database-file.js';
import { setForeignLogAside } from '../files/earlier-files.js';
import { HeldFile } from '../files/held-file.js';
import { ConnectionPool } from '../statements/connections.js';

export interface InstanceSpec {
  readonly path: string;
  readonly readonly: boolean;
  readonly extensions: readonly ExtensionDefinition[];
  /** DuckDB's own limits unless given. */
  readonly limits?: InstanceLimits | undefined;
}

interface OpenedFile {
  readonly native: DuckDBInstance;
  /** As it was when it was opened. */
  readonly file: DatabaseFile;
  readonly names: FileNames;
  /** The name the file is open under: its path, unless an earlier file was opened again. */
  readonly openedAs: string;
  /** Of a read-write file that is open under its path. */
  readonly held: HeldFile | undefined;
}

/** One open DuckDB instance, shared by the generations that use the same file. The registry disposes it. */
export class DatabaseInstance {
  readonly spec: InstanceSpec;
  readonly opened: OpenedFile;
  readonly connections: ConnectionPool;
  /** Names of the secrets that the configuration created, as opposed to those a query created. */
  installedSecrets: ReadonlySet<string> = new Set();
  /** How often each database of `attach` was attached, by name. */
  readonly attachCounts = new Map<string, number>();
  /** The oldest DuckDB that can read the file, such as `v1.0.0+`. */
  storageVersion: string | null = null;
  #disposed: Promise<void> | undefined;

  private constructor(spec: InstanceSpec, opened: OpenedFile) {
    this.spec = spec;
    this.opened = opened;
    this.connections = new ConnectionPool(opened.native);
  }

  /** Throws `database_missing`, `database_locked`, `database_too_new`, `database_failed`, `database_replaced`, `extension_failed`. */
  static async open(spec: InstanceSpec): Promise<DatabaseInstance> {
    assertOnDisk(spec.path);
    if (!spec.readonly) await ensureDatabaseFolder(spec.path);
    return DatabaseInstance.#prepare(spec, await openFile(spec));
  }

  /** Opens a file again that was open before, by one of its names that still leads to it. */
  static async openEarlier(spec: InstanceSpec, names: FileNames, openedAs: string): Promise<DatabaseInstance> {
    const native = await openNative(openedAs, spec);
    const file = await findDatabaseFile(openedAs);
    if (file === null) {
      native.closeSync();
      throw new MxcpError('database_missing', `${openedAs} is gone from the disk`);
    }
    const isHeld = !spec.readonly && openedAs === names.database;
    const held = isHeld ? await HeldFile.hold(names, file) : undefined;
    return DatabaseInstance.#prepare(spec, { native, file, names, openedAs, held });
  }

  static async #prepare(spec: InstanceSpec, opened: OpenedFile): Promise<DatabaseInstance> {
    const instance = new DatabaseInstance(spec, opened);
    try {
      await instance.connections.registerCallerFunctions();
      await instance.connections.useNew(async (connection) => {
        // Ignored when it is given to a new instance (DuckDB 1.5.6).
        if (spec.limits !== undefined)
          await connection.run(`SET GLOBAL max_temp_directory_size = '${spec.limits.tempBytes}B'`);
        instance.storageVersion = await readStorageVersion(connection);
        await loadExtensions(connection, spec.extensions);
      });
    } catch (error) {
      await instance.dispose();
      throw error;
    }
    return instance;
  }

  /** Interrupts what runs, waits until it has settled, then closes the file. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.connections.dispose();
    this.opened.native.closeSync();
    await this.opened.held?.release();
  }
}

async function openFile(spec: InstanceSpec): Promise<OpenedFile> {
  const { path, readonly } = spec;
  await assertPermitted(path, spec);
  const names = await fileNamesOf(path);
  await setForeignLogAside(names);
  const before = await statDatabaseFile(path);
  if (readonly && before === null) throw notFound(path);
  const native = await openNative(path, spec);
  const file = await statDatabaseFile(path);
  if (file !== null && (before === null || isSameFile(before, file))) {
    const held = readonly ? undefined : await HeldFile.hold(names, file);
    return { native, file, names, openedAs: names.database, held };
  }
  // Replaced between the two checks: it is unknown which file is open.
  native.closeSync();
  throw new MxcpError('database_replaced', `database ${path} was replaced while it was being opened; try again`);
}

/** A file that is opened read-only is never created: an empty one would hide that the real one is not there. */
function notFound(path: string): MxcpError {
  return new MxcpError(
    'database_missing',
    `database ${path} does not exist, and it is not created because it is opened read-only; create it first, or correct \`duckdb.path\` (or MXCP_DUCKDB_PATH)`,
  );
}

async function readStorageVersion(connection: DuckDBConnection): Promise<string | null> {
  const sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()";
  const [version] = (await connection.runAndReadAll(sql)).getRowsJS()[0] ?? [];
  return typeof version === 'string' ? version : null;
}

const EXTENSION_NAME = /^[A-Za-z0-9_]+$/;

/**
 * Loads the extensions of the configuration, and installs those that are neither built in nor installed: INSTALL of a
 * built-in extension fails without network (DuckDB 1.5.6). Throws `extension_failed` with a problem for each that cannot be loaded.
 */
async function loadExtensions(connection: DuckDBConnection, extensions: readonly ExtensionDefinition[]): Promise<void> {
  const problems: Problem[] = [];
  let cause: unknown;
  for (const extension of extensions) {
    try {
      await loadExtension(connection, extension);
    } catch (error) {
      cause ??= error;
      const reason = firstLineOf(messageOf(error));
      const message = `DuckDB extension "${extension.name}" cannot be loaded (${reason}); install it on this machine first, or remove it from \`extensions\` in mxcp-site.yml`;
      problems.push({ file: 'mxcp-site.yml', ...extension.declaredAt?.(), message });
    }
  }
  if (problems.length === 0) return;
  const summary = problems.length === 1 ? 'an extension cannot be loaded:' : 'extensions cannot be loaded:';
  throw problemsError('extension_failed', summary, problems, cause);
}

async function loadExtension(connection: DuckDBConnection, { name, repository }: ExtensionDefinition): Promise<void> {
  if (!EXTENSION_NAME.test(name)) throw new Error('no extension can have this name');
  const reader = await connection.runAndReadAll(
    'SELECT installed, loaded FROM duckdb_extensions() WHERE extension_name = $name OR list_contains(aliases, $name)',
    { name },
  );
  const [installed, loaded] = reader.getRowsJS()[0] ?? [false, false];
  if (loaded === true) return;
  if (installed !== true)
    await connection.run(`INSTALL ${name}${repository === undefined ? '' : ` FROM ${repository}`}`);
  await connection.run(`LOAD ${name}`);
}
