import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import type { SecretDefinition } from '../../config/index.js';
import { messageOf, MxcpError } from '../../errors/index.js';
import { type Disposable, Disposer } from '../../lifecycle/index.js';
import { CallSession } from '../statements/call-session.js';
import type { CallerIdentity, IdleConnections } from '../statements/connections.js';
import { inspectStatements } from '../statements/inspection.js';
import { executeQuery, type QueryOptions, type StatementShape } from '../statements/query.js';
import { readRows } from '../statements/rows.js';
import type { ParameterValue } from '../values/sql-values.js';
import type { DatabaseInstance } from './database-instance.js';
import type { InstanceShare } from './database-registry.js';
import { stageSecrets } from './database-secrets.js';

/** The connection that holds the open transaction of a candidate, and the function that ends its life. */
interface Staging {
  readonly connection: DuckDBConnection;
  readonly secretNames: ReadonlySet<string>;
  readonly close: () => Promise<void>;
}

/**
 * What a generation has open of one instance: its share, its connections, its secrets until they are committed. Belongs to
 * the generation's database, which may open another one after it.
 */
export class OpenDatabase implements Disposable {
  readonly #share: InstanceShare;
  readonly #disposer = new Disposer();
  /** Texts that are one SELECT: it leaves nothing on a connection that another caller could find. */
  readonly #plainSelects: Set<string>;
  /** Those that are not disposed yet. */
  readonly #sessions = new Set<CallSession>();
  #staging: Staging | undefined;

  constructor(share: InstanceShare, plainSelects: Set<string>) {
    this.#share = this.#disposer.own(share);
    this.#plainSelects = plainSelects;
    this.#disposer.defer(() => this.#endStaging('ROLLBACK'));
    this.#disposer.defer(async () => {
      await Promise.all([...this.#sessions].map((session) => session.dispose()));
    });
  }

  get #idle(): IdleConnections {
    return this.#share.instance.idleConnections;
  }

  get instance(): DatabaseInstance {
    return this.#share.instance;
  }

  get action(): InstanceShare['action'] {
    return this.#share.action;
  }

  async query(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: QueryOptions,
  ): Promise<void> {
    const { instance } = this.#share;
    const isPlainSelect = this.#plainSelects.has(sql);
    const connections = isPlainSelect ? this.#idle : instance;
    await connections.use(async (connection, signal) => {
      const leave = instance.callerFunctions.enter(connection, options.caller);
      try {
        const read = (result: DuckDBResult) => readRows(result, { signal, onRow: options.onRow });
        const { refusesExcess = false } = options;
        await executeQuery(connection, {
          sql,
          parameters,
          signal,
          read,
          isOneStatement: isPlainSelect,
          refusesExcess,
        });
      } finally {
        leave();
      }
    }, options.signal);
  }

  /** Whoever gets it disposes it; what is left goes with the database. */
  openSession(caller: CallerIdentity): CallSession {
    const session = new CallSession({
      caller,
      callers: this.#share.instance.callerFunctions,
      connections: this.#idle,
      onDisposed: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  /** On a candidate, statements are compiled with the secrets that are about to be committed. */
  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    const inspect = (connection: DuckDBConnection) => inspectStatements(connection, sql, samples);
    const { parameterNames, isPlainSelect } =
      this.#staging === undefined ? await this.#idle.use(inspect) : await inspect(this.#staging.connection);
    if (isPlainSelect) this.#plainSelects.add(sql);
    return { parameterNames };
  }

  /** Throws `database_failed` when the database does not answer. */
  async ping(): Promise<void> {
    try {
      await this.#idle.use((connection) => connection.run('SELECT 1'));
    } catch (error) {
      throw new MxcpError(
        'database_failed',
        `database ${this.instance.path} does not answer: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Lets the secrets wait in an open transaction, which is gone without a trace when this is disposed. Throws `secret_failed`. */
  async stage(secrets: readonly SecretDefinition[]): Promise<void> {
    const { instance } = this.#share;
    const { connection, close } = await holdConnection(instance);
    this.#staging = { connection, close, secretNames: new Set() };
    const secretNames = await stageSecrets(connection, secrets, instance.installedSecrets);
    this.#staging = { connection, close, secretNames };
  }

  /** Makes the staged secrets those of the instance. Throws `secret_failed`, after which nothing has changed. */
  async commit(): Promise<void> {
    const secretNames = this.#staging?.secretNames ?? new Set();
    await this.#endStaging('COMMIT');
    this.#share.instance.installedSecrets = secretNames;
  }

  dispose(): Promise<void> {
    return this.#disposer.dispose();
  }

  async #endStaging(statement: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    const staging = this.#staging;
    if (staging === undefined) return;
    this.#staging = undefined;
    try {
      await staging.connection.run(statement);
    } catch (error) {
      // A failed statement may have ended the transaction already; then there is nothing left to roll back.
      if (statement === 'COMMIT') {
        throw new MxcpError('secret_failed', `the secrets could not be committed: ${messageOf(error)}`, {
          cause: error,
        });
      }
    } finally {
      await staging.close();
    }
  }
}

/** A connection that stays open until `close`, within the instance's own bookkeeping of connections. */
function holdConnection(
  instance: DatabaseInstance,
): Promise<{ readonly connection: DuckDBConnection; readonly close: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const closed = instance.use(
      (connection) =>
        new Promise<void>((end) => {
          resolve({
            connection,
            close: () => {
              end();
              return closed;
            },
          });
        }),
    );
    closed.catch(reject);
  });
}
