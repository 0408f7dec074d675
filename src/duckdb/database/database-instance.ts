import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ExtensionDefinition } from '../../config/index.js';
import { firstLineOf, messageOf, MxcpError, problemsError } from '../../errors/index.js';
import {
  assertOnDisk,
  assertPermitted,
  type DatabaseFile,
  ensureDatabaseFolder,
  type FileNames,
  fileNamesOf,
  findDatabaseFile,
  isSameFile,
  openNative,
  statDatabaseFile,
} from '../files/database-file.js';
import { setForeignLogAside } from '../files/earlier-files.js';
import { HeldFile } from '../files/held-file.js';
import {
  CallerFunctions,
  type ConnectionWork,
  IdleConnections,
  InstanceConnection,
} from '../statements/connections.js';

export interface InstanceSpec {
  readonly path: string;
  readonly readonly: boolean;
  readonly extensions: readonly ExtensionDefinition[];
}

interface OpenedFile {
  readonly native: DuckDBInstance;
  readonly file: DatabaseFile;
  readonly names: FileNames;
  /** The name it is open under: the path unless an earlier file was opened again. */
  readonly openedAs: string;
  /** Of a read-write file that is open under its path. */
  readonly held: HeldFile | undefined;
}

/** One open DuckDB instance. Shared by the generations that serve the same file; owned by the registry. */
export class DatabaseInstance {
  readonly path: string;
  readonly readonly: boolean;
  /** As it was when the instance was opened. */
  readonly file: DatabaseFile;
  readonly names: FileNames;
  readonly openedAs: string;
  readonly callerFunctions = new CallerFunctions();
  readonly idleConnections = new IdleConnections(() => this.connect());
  /** Names of the secrets that the configuration put here, as opposed to those a query created. */
  installedSecrets: ReadonlySet<string> = new Set();
  readonly #native: DuckDBInstance;
  readonly #held: HeldFile | undefined;
  readonly #connections = new Set<InstanceConnection>();
  readonly #whenUnused: (() => void)[] = [];
  #disposed: Promise<void> | undefined;

  private constructor(spec: InstanceSpec, { native, file, names, openedAs, held }: OpenedFile) {
    this.path = spec.path;
    this.readonly = spec.readonly;
    this.file = file;
    this.names = names;
    this.openedAs = openedAs;
    this.#native = native;
    this.#held = held;
  }

  /**
   * Throws `database_missing`, `database_locked`, `database_failed`, `database_replaced`, `extension_failed`. The caller
   * disposes it.
   */
  static async open(spec: InstanceSpec): Promise<DatabaseInstance> {
    assertOnDisk(spec.path);
    await ensureDatabaseFolder(spec.path);
    return DatabaseInstance.#prepare(spec, await openFile(spec));
  }

  /** Opens a file again that was served under the path before, under one of its names that still leads to it. */
  static async openEarlier(
    spec: InstanceSpec,
    names: FileNames,
    openedAs: string,
  ): Promise<DatabaseInstance> {
    const native = await openNative(openedAs, { readonly: spec.readonly });
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
      await instance.#registerFunctions();
      await instance.use((connection) => loadExtensions(connection, spec.extensions));
    } catch (error) {
      await instance.dispose();
      throw error;
    }
    return instance;
  }

  /** Why the file cannot be reached any more once another one has replaced it; undefined when it can. */
  get unlinkedBecause(): string | undefined {
    return this.#held?.unlinkedBecause;
  }

  /** Opens a connection. Whoever gets it closes it: the instance cannot be disposed before. */
  async connect(): Promise<InstanceConnection> {
    const connection = await this.#connect();
    try {
      await connection.run((native) => this.callerFunctions.shield(native));
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
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
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #connect(): Promise<InstanceConnection> {
    const connection = new InstanceConnection(await this.#native.connect(), (closed) => this.#forget(closed));
    this.#connections.add(connection);
    return connection;
  }

  async #registerFunctions(): Promise<void> {
    const connection = await this.#connect();
    try {
      await connection.run(async (native) => this.callerFunctions.register(native));
    } finally {
      connection.close();
    }
  }

  async #dispose(): Promise<void> {
    this.idleConnections.dispose();
    this.interruptAll();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#whenUnused.push(resolve));
    this.#native.closeSync();
    await this.#held?.release();
  }

  #forget(connection: InstanceConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) for (const resolve of this.#whenUnused.splice(0)) resolve();
  }
}

/** Opens the file and remembers which one it is. */
async function openFile(spec: InstanceSpec): Promise<OpenedFile> {
  const { path, readonly } = spec;
  await assertPermitted(path, spec);
  const names = await fileNamesOf(path);
  await keepingOutForeignRows(names);
  if (readonly && (await statDatabaseFile(path)) === null) await createEmpty(path);
  const before = await statDatabaseFile(path);
  const native = await openNative(path, { readonly });
  const file = await statDatabaseFile(path);
  if (file !== null && (before === null || isSameFile(before, file))) {
    const held = readonly ? undefined : await HeldFile.hold(names, file);
    return { native, file, names, openedAs: names.database, held };
  }
  // Replaced between the looks: which file is open cannot be told.
  native.closeSync();
  throw new MxcpError(
    'database_replaced',
    `database ${path} was replaced while it was being opened; try again`,
  );
}

async function keepingOutForeignRows(names: FileNames): Promise<void> {
  try {
    await setForeignLogAside(names);
  } catch (error) {
    if (error instanceof MxcpError) throw error;
    throw new MxcpError(
      'database_failed',
      `database ${names.database} was replaced, and the log of the file before it cannot be set aside (${messageOf(error)}); move ${names.database}.wal away`,
      { cause: error },
    );
  }
}

/** A read-only database that does not exist yet starts empty, as users of the format expect. */
async function createEmpty(path: string): Promise<void> {
  const instance = await openNative(path, { readonly: false });
  instance.closeSync();
}

const NAME = /^[A-Za-z0-9_]+$/;

/**
 * Loads the extensions of the configuration, installing only what is neither built in nor installed: INSTALL of a
 * built-in extension fails without network (DuckDB 1.5.6). Throws `extension_failed`.
 */
export async function loadExtensions(
  connection: DuckDBConnection,
  extensions: readonly ExtensionDefinition[],
): Promise<void> {
  for (const extension of extensions) {
    if (!NAME.test(extension.name))
      throw toExtensionError(extension, `"${extension.name}" cannot be the name of a DuckDB extension`);
    await loadExtension(connection, extension);
  }
}

async function loadExtension(connection: DuckDBConnection, extension: ExtensionDefinition): Promise<void> {
  const { name, repository } = extension;
  try {
    const reader = await connection.runAndReadAll(
      'SELECT installed, loaded FROM duckdb_extensions() WHERE extension_name = $name OR list_contains(aliases, $name)',
      { name },
    );
    const [installed, loaded] = reader.getRowsJS()[0] ?? [false, false];
    if (loaded === true) return;
    if (installed !== true)
      await connection.run(`INSTALL ${name}${repository === undefined ? '' : ` FROM ${repository}`}`);
    await connection.run(`LOAD ${name}`);
  } catch (error) {
    const firstLine = firstLineOf(messageOf(error));
    throw toExtensionError(
      extension,
      `DuckDB extension "${name}" cannot be loaded (${firstLine}); install it on this machine first, or remove it from \`extensions\` in mxcp-site.yml`,
      error,
    );
  }
}

function toExtensionError({ declaredAt }: ExtensionDefinition, message: string, cause?: unknown): MxcpError {
  if (declaredAt === undefined) return new MxcpError('extension_failed', message, { cause });
  return problemsError(
    'extension_failed',
    'an extension cannot be loaded:',
    [{ ...declaredAt, message }],
    cause,
  );
}
