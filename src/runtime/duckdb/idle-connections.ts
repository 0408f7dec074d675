import type { Disposable } from '../../lifecycle/index.js';
import type { ConnectionWork, InstanceConnection } from './instance-connection.js';

/** Connections kept for the next query; more than this many at once are closed after use. */
const MAX_IDLE = 16;

/**
 * Connections of one instance that are used again, for queries that leave nothing behind on them: opening one for each costs
 * more than a tenth of a short call. Generations share them as they share the instance, which disposes them.
 */
export class IdleConnections implements Disposable {
  readonly #connect: () => Promise<InstanceConnection>;
  readonly #idle: InstanceConnection[] = [];
  #isDisposed = false;

  constructor(connect: () => Promise<InstanceConnection>) {
    this.#connect = connect;
  }

  async use<T>(work: ConnectionWork<T>, cancelled?: AbortSignal): Promise<T> {
    const connection = await this.take();
    try {
      const result = await connection.run(work, cancelled);
      this.giveBack(connection);
      return result;
    } catch (error) {
      // What a failed or interrupted query leaves behind is not looked into.
      connection.close();
      throw error;
    }
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** Whoever takes one gives it back when it is as it was, and else closes it. */
  async take(): Promise<InstanceConnection> {
    return this.#idle.pop() ?? this.#connect();
  }

  giveBack(connection: InstanceConnection): void {
    if (this.#isDisposed || this.#idle.length >= MAX_IDLE) connection.close();
    else this.#idle.push(connection);
  }
}
