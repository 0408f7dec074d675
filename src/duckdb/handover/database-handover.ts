import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { DatabaseInstance } from '../database/database-instance.js';
import type { InstanceShare } from '../database/database-registry.js';
import type { GenerationDatabase } from '../database/generation-database.js';
import {
  assertPermitted,
  type DatabaseFile,
  fileNamesOf,
  findDatabaseFile,
  isSameFile,
} from '../files/database-file.js';
import { findFile, keepAsEarlier, setHeldAside, sweepEarlier } from '../files/earlier-files.js';
import { assertSecondName } from '../files/held-file.js';
import { lockHolderOf } from '../statements/duckdb-errors.js';

export interface HandoverParts {
  /** Of the generation that serves. */
  readonly old: GenerationDatabase;
  /** Of the next one, with nothing open yet. */
  readonly next: GenerationDatabase;
  /** How long a file that another process holds for a moment is waited for. */
  readonly lockWaitMs: number;
  /** Ends the process that holds the file if it is one of ours; false when it is not. */
  readonly endHolder: (processId: number) => Promise<boolean>;
  readonly onWarning: (message: string) => void;
}

const ASK_FOR_LOCK_EVERY_MS = 10;

/**
 * The exchange of a database that only one instance may have open. No call runs from `close` on; then either `open` and
 * `finish`, or `goBack` after whatever failed.
 */
export class DatabaseHandover {
  readonly #parts: HandoverParts;
  readonly #instance: DatabaseInstance | undefined;
  /** The name of the old file while it is not open under its path. */
  #earlier: string | undefined;
  #servedAs: string | undefined;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
    this.#instance = parts.old.opened?.instance;
  }

  /** After `goBack`: the name under which the old file serves on when another one has its path. */
  get servedAs(): string | undefined {
    return this.#servedAs;
  }

  /** After `open`: whether the file is another one than before. */
  get isReplaced(): boolean {
    const [old, next] = [this.#instance?.file, this.#parts.next.file];
    return old !== undefined && next !== undefined && !isSameFile(old, next);
  }

  /**
   * Throws `database_failed` when this user may not serve the new file, and when the old one could not be reached any more if
   * the new one does not open.
   */
  async assertPossible(): Promise<void> {
    const { old, next } = this.#parts;
    // First: what may not be written, Linux does not let everybody link either, and that is not the reason then.
    await assertPermitted(next.path, next.spec);
    await assertSecondName(await fileNamesOf(old.path), this.#instance?.unlinkedBecause);
  }

  /** Puts the log of the old file into it, as far as running calls allow: closing it then takes no time. Never throws. */
  async shorten(): Promise<void> {
    const instance = this.#instance;
    if (instance === undefined || instance.readonly) return;
    try {
      await instance.use((connection) => connection.run('CHECKPOINT'));
    } catch {
      // A transaction is in its way. Closing the file does the same, only while calls wait.
    }
  }

  /** Throws when it is not the last use of the old file, which then stays open. */
  async close(): Promise<void> {
    const { old } = this.#parts;
    const instance = this.#instance;
    await old.suspend();
    if (instance === undefined) return;
    if (old.registry.isOpen(instance))
      throw new Error(`database ${old.path} is used by another generation still`);
    this.#earlier = await keepEarlier(instance);
  }

  /**
   * Opens what is at the path now; `expected` is the file that was checked. Throws `database_replaced` when it is another
   * one by now, and what opening throws.
   */
  async open(expected: DatabaseFile | undefined): Promise<void> {
    const { next } = this.#parts;
    await this.#patiently(() => next.open());
    const file = next.file;
    if (expected === undefined || (file !== undefined && isSameFile(file, expected))) return;
    throw new MxcpError(
      'database_replaced',
      `database ${next.path} was replaced once more after it had been checked; reload again`,
    );
  }

  /** The new file serves: what the old generation still does ends on it, and nobody needs the old file any more. */
  async finish(): Promise<void> {
    const { old, next, onWarning } = this.#parts;
    old.follow(next);
    for (const warning of await next.settle()) onWarning(warning);
    // Behind a symbolic link that leads elsewhere now, the names of the old file are beside another one.
    const names = this.#instance?.names;
    if (names === undefined || names.database === next.opened?.instance.names.database) return;
    for (const warning of await sweepEarlier(names)) onWarning(warning);
  }

  /**
   * Closes what was opened of the new file and opens the old one again, as it is by now, under a name that still leads to it:
   * the old generation goes on. Throws what opening throws; then nothing is open.
   */
  async goBack(): Promise<void> {
    const { old, next, onWarning } = this.#parts;
    const instance = this.#instance;
    // Whatever is left over of the new file, the old generation must not stay without its own.
    await next.suspend().catch((error: unknown) => {
      onWarning(`database ${next.path} was not closed as it should be: ${messageOf(error)}`);
    });
    try {
      if (instance === undefined) throw new Error('it was not open before');
      const open = await old.openShare(await this.#patiently(() => this.#reopen(instance)));
      await open.commit();
      const { openedAs, names } = open.instance;
      if (openedAs !== names.database) this.#servedAs = openedAs;
      old.resume(open);
    } catch (error) {
      const reason = new MxcpError(
        'database_failed',
        `database ${old.path} could not be opened again after a failed handover: ${messageOf(error)}; mend that and reload`,
        { cause: error },
      );
      old.giveUp(reason);
      throw reason;
    }
  }

  async #reopen(instance: DatabaseInstance): Promise<InstanceShare> {
    const { old } = this.#parts;
    if (old.registry.isOpen(instance)) return old.registry.shareOf(instance);
    const name = await findFile(instance.names, instance.file);
    if (name === undefined) throw new Error(`the file that was open is gone from ${instance.names.folder}`);
    const share = await old.registry.acquireEarlier(old.spec, instance.names, name);
    const inPlace = name === instance.names.database;
    if (inPlace && this.#earlier !== undefined) await rm(this.#earlier, { force: true });
    return share;
  }

  /** Another process may look at a file that nobody holds, and one of ours may have forgotten to close it. */
  async #patiently<T>(open: () => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + this.#parts.lockWaitMs;
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (!(error instanceof MxcpError) || error.code !== 'database_locked') throw error;
        const holder = lockHolderOf(error);
        if (holder !== undefined && (await this.#parts.endHolder(holder))) continue;
        if (performance.now() > giveUpAt) throw error;
        await delay(ASK_FOR_LOCK_EVERY_MS);
      }
    }
  }
}

/**
 * Nobody has the file open any more. When another one has taken its path, a log that its end has left goes with it;
 * otherwise that log is where it belongs.
 */
async function keepEarlier({ names, file, openedAs }: DatabaseInstance): Promise<string> {
  if (openedAs !== names.database) return openedAs;
  const now = await findDatabaseFile(names.database);
  if (now !== null && isSameFile(now, file)) return keepAsEarlier(names, names.database);
  const held = await findDatabaseFile(names.held);
  if (held !== null && isSameFile(held, file)) return setHeldAside(names);
  const name = await findFile(names, file);
  if (name === undefined) throw new Error(`the file that was open is gone from ${names.folder}`);
  return keepAsEarlier(names, name);
}
