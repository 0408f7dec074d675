import type { DatabaseSession, SessionExecution } from './database-session.js';
import type { ParameterValue } from './sql-values.js';

/** A session on a database that is not open yet; its statements wait for it. */
export class LateSession implements DatabaseSession {
  readonly #session: Promise<DatabaseSession>;

  constructor(session: Promise<DatabaseSession>) {
    this.#session = session;
    // Whoever executes something hears of it.
    session.catch(() => undefined);
  }

  async execute(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    execution: SessionExecution,
  ): Promise<void> {
    const session = await this.#session;
    await session.execute(sql, parameters, execution);
  }

  /** Does not wait for a database that may never open. */
  dispose(): Promise<void> {
    // What cannot be freed now is freed with the database.
    this.#session.then((session) => session.dispose()).catch(() => undefined);
    return Promise.resolve();
  }
}
