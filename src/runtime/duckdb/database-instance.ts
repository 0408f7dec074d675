import { DuckDBInstance } from '@duckdb/node-api';
import type { ExtensionDefinition } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import { CallerFunctions } from './caller-functions.js';
import {
  assertOnDisk,
  ensureDatabaseFolder,
  isSameFile,
  statDatabaseFile,
  type DatabaseFile,
} from './database-file.js';
import { toOpenError } from './duckdb-errors.js';
import { loadExtensions } from './extension-loading.js';
import { InstanceConnection, type ConnectionWork } from './instance-connection.js';

export interface InstanceSpec {
  readonly path: string;
  readonly readonly: boolean;
  readonly extensions: readonly ExtensionDefinition[];
}

/**
 * One open DuckDB instance. This is the only place that creates one, because two instances on the same file in one
 * process both accept writes and lose half of them, and closing either drops the lock of both (DuckDB 1.5.6). Shared by
 * the generations that serve the same file; owned by the registry.
 */
export class DatabaseInstance {
  readonly path: string;
  readonly readonly: boolean;
  /** As it was when the instance was opened. */
  readonly file: DatabaseFile;
  readonly callerFunctions = new CallerFunctions();
  /** Names of the secrets that the configuration put here, as opposed to those a query created. */
  installedSecrets: ReadonlySet<string> = new Set();
  readonly #instance: DuckDBInstance;
  readonly #connections = new Set<InstanceConnection>();
  readonly #idle: (() => void)[] = [];

  private constructor(instance: DuckDBInstance, spec: InstanceSpec, file: DatabaseFile) {
    this.#instance = instance;
    this.path = spec.path;
    this.readonly = spec.readonly;
    this.file = file;
  }

  /** Throws `database_missing`, `database_locked`, `database_failed`, `extension_failed`. The caller disposes it. */
  static async open(spec: InstanceSpec): Promise<DatabaseInstance> {
    assertOnDisk(spec.path);
    await ensureDatabaseFolder(spec.path);
    if ((await statDatabaseFile(spec.path)) === null && spec.readonly) await createEmpty(spec.path);
    const { native, file } = await openFile(spec);
    const instance = new DatabaseInstance(native, spec, file);
    try {
      await instance.use(async (connection) => {
        instance.callerFunctions.register(connection);
        await loadExtensions(connection, spec.extensions);
      });
    } catch (error) {
      await instance.dispose();
      throw error;
    }
    return instance;
  }

  /** Opens a connection. Whoever gets it closes it: the instance cannot be disposed before. */
  async connect(): Promise<InstanceConnection> {
    const connection = new InstanceConnection(await this.#instance.connect(), (closed) =>
      this.#forget(closed),
    );
    this.#connections.add(connection);
    return connection;
  }

  /** Opens a connection for `work` and closes it when `work` has settled. */
  async use<T>(work: ConnectionWork<T>, cancelled?: AbortSignal): Promise<T> {
    const connection = await this.connect();
    try {
      return await connection.run(work, cancelled);
    } finally {
      connection.close();
    }
  }

  interruptAll(): void {
    for (const connection of this.#connections) connection.interrupt();
  }

  /** Interrupts what runs, waits until it has settled, then closes the file. */
  async dispose(): Promise<void> {
    this.interruptAll();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#instance.closeSync();
  }

  #forget(connection: InstanceConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Opens the file and remembers which one it is. */
async function openFile(spec: InstanceSpec): Promise<{ native: DuckDBInstance; file: DatabaseFile }> {
  const before = await statDatabaseFile(spec.path);
  const native = await create(spec.path, spec.readonly);
  const file = await statDatabaseFile(spec.path);
  if (file !== null && (before === null || isSameFile(before, file))) return { native, file };
  // Replaced between the looks: which file is open cannot be told.
  native.closeSync();
  throw new MxcpError(
    'database_replaced',
    `database ${spec.path} was replaced while it was being opened; try again`,
  );
}

async function create(path: string, readonly: boolean): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, { access_mode: readonly ? 'READ_ONLY' : 'READ_WRITE' });
  } catch (error) {
    throw toOpenError(path, error);
  }
}

/** A read-only database that does not exist yet starts empty, as users of the format expect. */
async function createEmpty(path: string): Promise<void> {
  const instance = await create(path, false);
  instance.closeSync();
}
