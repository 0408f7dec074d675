import { type DuckDBConnection, type DuckDBPreparedStatement, version as engineVersion } from '@duckdb/node-api';
import { ANONYMOUS, type Caller, type DeniedByRule } from '../../caller/index.js';
import type { AttachmentDefinition, Protection, SecretDefinition } from '../../config/index.js';
import { messageOf, MxcpError } from '../../errors/index.js';
import { type Disposable, Disposer } from '../../lifecycle/index.js';
import type { DatabaseFile } from '../files/database-file.js';
import { removeEarlierFiles } from '../files/earlier-files.js';
import { RowRules } from '../protection/row-rules.js';
import { CallSession } from '../statements/call-session.js';
import { CHANGES_NAMES } from '../statements/connections.js';
import { assertStatementWithin, assertWithinDatabase } from '../statements/external-access.js';
import { countChanges, useNewAgain } from '../statements/count-changes.js';
import { inspectStatements, type StatementShape } from '../statements/inspection.js';
import { type ColumnReading, executeQuery, jsonRows, type Query, type RowsRead } from '../statements/query.js';
import { refuseOpenTransaction, refuseSeveralStatements } from '../statements/sql-text.js';
import type { JsonObject, SqlParameters } from '../values/sql-values.js';
import { StagedAttachments } from './attachments.js';
import type { DatabaseInstance, InstanceSpec } from './database-instance.js';
import type { DatabaseRegistry, InstanceShare } from './database-registry.js';
import { SecretStaging } from './secret-staging.js';

export interface DatabaseSpec extends InstanceSpec {
  readonly secrets: readonly SecretDefinition[];
  readonly attachments?: readonly AttachmentDefinition[];
  /** What callers see of the tables. */
  readonly protection?: Protection | undefined;
}

/** Which rows SQL may see. */
export interface RowAccess {
  /** The label of the endpoint that runs the SQL. */
  readonly endpoint?: string | undefined;
  /** For SQL that runs for the owner of the project and not for a caller. */
  readonly seesAllRows?: boolean | undefined;
  /** Learns of SQL that the rules for rows refuse, also where code catches the error. */
  readonly onDenied?: ((denied: DeniedByRule) => void) | undefined;
}

export interface QueryOptions
  extends RowAccess,
    Pick<Query, 'maxRows' | 'maxRowBytes' | 'skippedRows' | 'takesMore' | 'countsRest'> {
  readonly caller: Caller;
  /** Aborting interrupts the query; the promise then rejects with `query_interrupted`. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each row of the last statement, in order; a returned promise delays the next one. What it throws ends the query and is what `query` throws. */
  readonly onRow: (row: JsonObject) => void | Promise<void>;
  /** How to read the columns that have or may have JSON text. */
  readonly readingOf?: (column: string) => ColumnReading;
  /** Whether a parameter that no statement uses is an error, thrown before the last statement runs. */
  readonly refusesExcess?: boolean;
  /** Whether the SQL comes from a caller and must not reach files, the network or settings of DuckDB. */
  readonly staysWithin?: boolean | undefined;
  /** Absolute paths of folders whose files it may read all the same. */
  readonly allowedFolders?: readonly string[] | undefined;
  /** Whether more than one statement is an error. */
  readonly isOneStatement?: boolean | undefined;
}

type CountOptions = RowAccess & Pick<QueryOptions, 'caller' | 'signal'>;

export type QueryableDatabase = Pick<GenerationDatabase, 'query' | 'inspect' | 'countChanges'>;

/** Compiles statements without running them. */
export type InspectedDatabase = Pick<GenerationDatabase, 'inspect'>;

/**
 * The database of one generation: its share of an instance, its secrets, its sessions. A candidate is built beside the
 * current generation: its secrets wait in an open transaction until `commit()`, and disposing it instead leaves no trace. A
 * handover closes the database for a moment; requests wait until it is open again.
 */
export class GenerationDatabase implements Disposable {
  readonly spec: DatabaseSpec;
  readonly registry: DatabaseRegistry;
  /** Texts that are one SELECT: it leaves nothing on a connection that another caller could find. */
  readonly plainSelects = new Set<string>();
  readonly #sessions = new Set<CallSession>();
  /** Undefined when no table is protected. */
  #rules: RowRules | undefined;
  #share: InstanceShare | undefined;
  #staging: SecretStaging | undefined;
  /** Undefined when the project attaches nothing. */
  #attachments: StagedAttachments | undefined;
  /** Requests that wait while a handover has the database closed; undefined unless suspended. */
  #waiting: { resume: (share: InstanceShare) => void; fail: (reason: Error) => void }[] | undefined;
  #closedBecause: Error;
  #disposed: Promise<void> | undefined;

  /** Opens nothing yet. The generation disposes it. */
  constructor(registry: DatabaseRegistry, spec: DatabaseSpec) {
    this.registry = registry;
    this.spec = spec;
    this.#closedBecause = new MxcpError(
      'database_failed',
      `database ${spec.path} is not open yet: code cannot use it while it is imported; use it in an \`on_init\` hook`,
    );
  }

  /** Throws what `open` throws. The generation disposes it. */
  static async build(registry: DatabaseRegistry, spec: DatabaseSpec): Promise<GenerationDatabase> {
    const database = new GenerationDatabase(registry, spec);
    await database.open();
    return database;
  }

  get path(): string {
    return this.spec.path;
  }

  /** Undefined while the database is closed. */
  get instance(): DatabaseInstance | undefined {
    return this.#share?.instance;
  }

  /** The file as it was when it was opened. */
  get file(): DatabaseFile | undefined {
    return this.instance?.opened.file;
  }

  /** How the file is open; as configured while it is closed. */
  get readonly(): boolean {
    return (this.instance ?? this).spec.readonly;
  }

  /** The version of DuckDB, and the oldest that can read the file; null while the database is closed. */
  get engine(): { readonly version: string; readonly storageVersion: string | null } {
    return { version: engineVersion(), storageVersion: this.instance?.storageVersion ?? null };
  }

  /** Open connections of the instance, which generations may share; none while the database is closed. */
  get connections(): { readonly usedConnections: number; readonly idleConnections: number } {
    const { used = 0, idle = 0 } = this.instance?.connections ?? {};
    return { usedConnections: used, idleConnections: idle };
  }

  /** `kept` if another generation had the file open already, else `opened`. */
  get action(): InstanceShare['action'] {
    return this.#share?.action ?? 'opened';
  }

  /** Throws what opening an instance throws, `database_replaced`, `secret_failed`; nothing is open then. */
  async open(): Promise<void> {
    const share = await this.registry.acquire(this.spec);
    await this.#stage(share);
    this.#share = share;
  }

  /**
   * Runs all statements of `sql`. One SELECT shares idle connections; any other text has a connection of its own, so no
   * temporary table, variable or open transaction of one caller reaches another. Throws `query_failed`, `query_interrupted`,
   * `DeniedByRule`.
   */
  async query(sql: string, parameters: SqlParameters, options: QueryOptions): Promise<RowsRead> {
    const { connections } = (this.#share ?? (await this.#whenOpen())).instance;
    const isOneStatement = this.plainSelects.has(sql);
    if (!isOneStatement) refuseOpenTransaction(sql);
    if (options.isOneStatement === true) refuseSeveralStatements(sql);
    const { caller, signal, onRow, readingOf, refusesExcess = false, staysWithin } = options;
    const { maxRows, maxRowBytes, skippedRows, takesMore, countsRest } = options;
    const rules = this.#rulesFor(options);
    let confirm: (() => void) | undefined;
    let endChange: (() => void) | undefined;
    const beforeRun = (statement: DuckDBPreparedStatement): void => {
      if (staysWithin === true) assertStatementWithin(statement, sql);
      if (!CHANGES_NAMES.has(statement.statementType)) return;
      confirm?.();
      confirm = undefined;
      endChange ??= connections.beginChange(statement.statementType);
    };
    const work = async (connection: DuckDBConnection, interrupted: AbortSignal): Promise<RowsRead> => {
      const { onDenied, allowedFolders } = options;
      const readsFiles = staysWithin === true && (await assertWithinDatabase(connection, { sql, allowedFolders }));
      const checked = { sql, parameters, caller, ofCaller: staysWithin === true, readsFiles, onDenied };
      confirm = await rules?.check(connection, checked);
      const reading = {
        openReader: jsonRows(onRow, readingOf, () => confirm?.()),
        maxRows,
        maxRowBytes,
        skippedRows,
        takesMore,
        countsRest,
        ...(!(isOneStatement && staysWithin !== true) && { beforeRun }),
      };
      const query = { sql, parameters, signal: interrupted, isOneStatement, refusesExcess, ...reading };
      return rules === undefined ? executeQuery(connection, query) : rules.withhold(executeQuery(connection, query));
    };
    const running = { caller, signal, setup: rules?.setup };
    // The rules let a caller run nothing but one SELECT.
    const leavesNothing = isOneStatement || (rules !== undefined && staysWithin === true);
    const ended = leavesNothing ? connections.useIdle(work, running) : useNewAgain(connections, { sql, work }, running);
    return isOneStatement ? ended : ended.finally(() => endChange?.());
  }

  /**
   * How many rows the statements of a text would change: they run in a transaction that is rolled back. Undefined while others change the
   * same rows. Throws `query_failed`, also for statements that do anything but change and read rows, and `query_interrupted`.
   */
  async countChanges(sql: string, parameters: SqlParameters, options: CountOptions): Promise<number | undefined> {
    const { connections } = (this.#share ?? (await this.#whenOpen())).instance;
    return countChanges(connections, { sql, parameters }, { ...options, guard: this.#rulesFor(options) });
  }

  /** The caller disposes the session; one that is left open ends with the database. */
  openSession(caller: Caller, access: RowAccess = {}): CallSession {
    const { onDenied } = access;
    const of = ({ connections: pool }: DatabaseInstance) => ({ pool, guard: this.#rulesFor(access), onDenied });
    const connections =
      this.instance === undefined ? this.#whenOpen().then(({ instance }) => of(instance)) : of(this.instance);
    // The statements of the session report it.
    if (connections instanceof Promise) connections.catch(() => undefined);
    const session = new CallSession(caller, connections, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  /**
   * Compiles a text, on a candidate with the secrets that are about to be committed. DuckDB stops at a parameter whose type
   * it cannot infer; with a sample of each parameter, the rest of the statement is compiled too. Throws `query_failed`, and `DeniedByRule` for
   * SQL that reads protected tables around their rules.
   */
  async inspect(sql: string, samples?: SqlParameters, access: RowAccess = {}): Promise<StatementShape> {
    const { connections } = (this.#share ?? (await this.#whenOpen())).instance;
    const {
      isPlainSelect,
      isResolved: _isResolved,
      ...shape
    } = await connections.useIdle(async (explaining) => {
      const staged = this.#staging?.connection ?? explaining;
      const inspect = async (text: string, place: 'inside' | 'outside') => {
        const connection = place === 'inside' ? staged : explaining;
        const inspected = await inspectStatements({ connection, explaining }, text, samples);
        await this.#checkRows(text, samples, access);
        return inspected;
      };
      return this.#attachments === undefined ? inspect(sql, 'inside') : this.#attachments.inspect(sql, inspect);
    });
    if (isPlainSelect) this.plainSelects.add(sql);
    return shape;
  }

  async #checkRows(sql: string, parameters: SqlParameters = {}, access: RowAccess): Promise<void> {
    const rules = this.#rulesFor(access);
    if (rules === undefined) return;
    const statement = { sql, parameters, caller: ANONYMOUS, ofCaller: false };
    const running = { setup: rules.setup, caller: ANONYMOUS };
    await this.instance?.connections.useIdle(async (connection) => rules.check(connection, statement), running);
  }

  /** Undefined when the SQL sees all rows. */
  #rulesFor(access: RowAccess): RowRules | undefined {
    return access.seesAllRows === true || this.#rules?.isUnfiltered(access.endpoint) === true ? undefined : this.#rules;
  }

  /** Throws `database_failed` when the database does not answer. */
  async ping(): Promise<void> {
    const { connections } = (this.#share ?? (await this.#whenOpen())).instance;
    try {
      await connections.useIdle((connection) => connection.run('SELECT 1'));
    } catch (error) {
      throw new MxcpError('database_failed', `database ${this.path} does not answer: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** What DuckDB holds in memory and in temporary files, for all generations that share the instance. */
  async memory(): Promise<{ readonly memoryBytes: number; readonly temporaryBytes: number }> {
    const { connections } = (this.#share ?? (await this.#whenOpen())).instance;
    const rows = await connections.useIdle(async (connection) => {
      const result = await connection.runAndReadAll(
        'SELECT sum(memory_usage_bytes)::DOUBLE, sum(temporary_storage_bytes)::DOUBLE FROM duckdb_memory()',
      );
      return result.getRows();
    });
    const [memoryBytes, temporaryBytes] = rows[0] ?? [];
    return { memoryBytes: Number(memoryBytes), temporaryBytes: Number(temporaryBytes) };
  }

  /**
   * Makes the staged secrets those of the instance, all at once: the only effect of a build that others can see. Throws
   * `secret_failed`, after which nothing has changed.
   */
  async commit(): Promise<void> {
    const [staging, attachments] = [this.#staging, this.#attachments];
    await attachments?.swap();
    this.#staging = undefined;
    try {
      await staging?.commit();
    } catch (error) {
      await attachments?.restore();
      throw error;
    }
    this.#attachments = undefined;
    await attachments?.dispose();
  }

  /** Closes the database. New requests wait until `resume`, `follow` or `giveUp`. */
  async suspend(): Promise<void> {
    this.#waiting ??= [];
    await this.#close();
  }

  /**
   * Opens the database again on this share, with its secrets. When it throws `secret_failed`, the share is released. A database that
   * cannot be attached any more does not keep it closed; resolves with the reason.
   */
  async resume(share: InstanceShare): Promise<MxcpError | undefined> {
    const failure = await this.#stage(share, { attachesPartly: true });
    try {
      await this.commit();
    } catch (error) {
      await share.dispose();
      throw error;
    }
    this.#endSuspension(share);
    return failure;
  }

  /** After a handover: what this generation still does, such as its last hooks, uses the database of the next one. */
  follow({ instance }: GenerationDatabase): void {
    if (instance === undefined) return;
    this.#endSuspension(this.registry.shareOf(instance));
  }

  /** Ends the suspension with an error: the database stays closed. */
  giveUp(reason: Error): void {
    this.#closedBecause = reason;
    for (const { fail } of this.#waiting ?? []) fail(reason);
    this.#waiting = undefined;
  }

  /**
   * Removes what was kept of earlier files, once this file is served. Returns warnings about files that must be kept; never
   * throws.
   */
  async removeEarlierFiles(): Promise<readonly string[]> {
    return this.instance === undefined ? [] : removeEarlierFiles(this.instance.opened.names);
  }

  dispose(): Promise<void> {
    const reason = `database ${this.path} is closed: its generation has ended`;
    this.giveUp(new MxcpError('database_failed', reason));
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  /** Releases the share when it fails. Resolves with why not everything could be attached, if that is allowed. */
  async #stage({ instance, dispose }: InstanceShare, { attachesPartly = false } = {}): Promise<MxcpError | undefined> {
    const { secrets, attachments = [], protection } = this.spec;
    try {
      this.#staging = await SecretStaging.begin(instance, secrets);
      const attaching =
        attachments.length > 0 ? await StagedAttachments.begin(instance, { attachments, secrets }) : undefined;
      this.#attachments = attaching?.staged;
      if (attaching?.failure !== undefined && !attachesPartly) throw attaching.failure;
      if (protection !== undefined && protection.tables.length > 0)
        this.#rules = await RowRules.build(instance.connections, protection);
      return attaching?.failure;
    } catch (error) {
      await this.#dropStaged();
      await dispose();
      throw error;
    }
  }

  async #dropStaged(): Promise<void> {
    const [staging, attachments] = [this.#staging, this.#attachments];
    this.#staging = undefined;
    this.#attachments = undefined;
    const disposer = new Disposer();
    if (attachments !== undefined) disposer.own(attachments);
    if (staging !== undefined) disposer.own(staging);
    await disposer.dispose();
  }

  async #close(): Promise<void> {
    const disposer = new Disposer();
    if (this.#share !== undefined) disposer.own(this.#share);
    disposer.defer(() => this.#dropStaged());
    if (this.#rules !== undefined) disposer.own(this.#rules);
    const sessions = [...this.#sessions];
    disposer.defer(async () => void (await Promise.all(sessions.map((session) => session.dispose()))));
    this.#share = undefined;
    await disposer.dispose();
  }

  #whenOpen(): Promise<InstanceShare> {
    return new Promise((resume, fail) => {
      if (this.#waiting === undefined) fail(this.#closedBecause);
      else this.#waiting.push({ resume, fail });
    });
  }

  #endSuspension(share: InstanceShare): void {
    this.#share = share;
    for (const { resume } of this.#waiting ?? []) resume(share);
    this.#waiting = undefined;
  }
}
