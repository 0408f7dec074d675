import type { DuckDBConnection } from '@duckdb/node-api';
import type { SecretDefinition } from '../../config/index.js';
import { messageOf, MxcpError } from '../../errors/index.js';
import { Disposer, type Disposable } from '../../lifecycle/index.js';
import type { DatabaseInstance, InstanceSpec } from './database-instance.js';
import type { DatabaseRegistry, InstanceShare } from './database-registry.js';
import { IdleConnections } from './idle-connections.js';
import { executeQuery } from './query-execution.js';
import type { ParameterValue, QueryableDatabase, QueryOptions, StatementShape } from './query.js';
import { stageSecrets } from './secret-installation.js';
import { inspectStatements } from './statement-inspection.js';

export interface DatabaseSpec extends InstanceSpec {
  readonly secrets: readonly SecretDefinition[];
}

/** The connection that holds the open transaction of a candidate, and the function that ends its life. */
interface Staging {
  readonly connection: DuckDBConnection;
  readonly secretNames: ReadonlySet<string>;
  readonly close: () => Promise<void>;
}

/**
 * The database of one generation. It is built beside what serves: its secrets wait in an open transaction until
 * `commit()`, and are gone without a trace when it is disposed instead.
 */
export class GenerationDatabase implements QueryableDatabase, Disposable {
  readonly #share: InstanceShare;
  readonly #disposer = new Disposer();
  readonly #idle: IdleConnections;
  /** Texts that are one SELECT: it leaves nothing on a connection that another caller could find. */
  readonly #plainSelects = new Set<string>();
  #staging: Staging | undefined;

  private constructor(share: InstanceShare) {
    this.#share = this.#disposer.own(share);
    this.#idle = this.#disposer.own(new IdleConnections(share.instance));
    this.#disposer.defer(() => this.#endStaging('ROLLBACK'));
  }

  /** Throws what opening an instance throws, `database_replaced`, `secret_failed`. The generation disposes it. */
  static async build(registry: DatabaseRegistry, spec: DatabaseSpec): Promise<GenerationDatabase> {
    const database = new GenerationDatabase(await registry.acquire(spec));
    try {
      await database.#stage(spec.secrets);
      return database;
    } catch (error) {
      await database.dispose();
      throw error;
    }
  }

  get path(): string {
    return this.#share.instance.path;
  }

  /** What the file is really open as. */
  get readonly(): boolean {
    return this.#share.instance.readonly;
  }

  /** How this generation came to its instance. */
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
        const { onRow } = options;
        await executeQuery(connection, { sql, parameters, signal, onRow, isOneStatement: isPlainSelect });
      } finally {
        leave();
      }
    }, options.signal);
  }

  /** On a candidate, statements are compiled with the secrets that are about to be committed. */
  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    const inspect = (connection: DuckDBConnection) => inspectStatements(connection, sql, samples);
    const { parameterNames, isPlainSelect } =
      this.#staging === undefined
        ? await this.#share.instance.use(inspect)
        : await inspect(this.#staging.connection);
    if (isPlainSelect) this.#plainSelects.add(sql);
    return { parameterNames };
  }

  /** Throws `database_failed` when the database does not answer. */
  async ping(): Promise<void> {
    try {
      await this.#idle.use((connection) => connection.run('SELECT 1'));
    } catch (error) {
      throw new MxcpError('database_failed', `database ${this.path} does not answer: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * Makes the staged secrets those of the instance, all at once: the only effect of a build that others can see. Throws
   * `secret_failed`, after which nothing has changed.
   */
  async commit(): Promise<void> {
    const secretNames = this.#staging?.secretNames ?? new Set();
    await this.#endStaging('COMMIT');
    this.#share.instance.installedSecrets = secretNames;
  }

  dispose(): Promise<void> {
    return this.#disposer.dispose();
  }

  async #stage(secrets: readonly SecretDefinition[]): Promise<void> {
    const { instance } = this.#share;
    const { connection, close } = await holdConnection(instance);
    this.#staging = { connection, close, secretNames: new Set() };
    const secretNames = await stageSecrets(connection, secrets, instance.installedSecrets);
    this.#staging = { connection, close, secretNames };
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
