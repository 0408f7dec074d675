import { link, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { DatabaseInstance } from '../database/database-instance.js';
import type { InstanceShare } from '../database/database-registry.js';
import type { GenerationDatabase } from '../database/generation-database.js';
import {
  assertPermitted,
  type DatabaseFile,
  earlierName,
  fileNamesOf,
  findDatabaseFile,
  isSameFile,
  lockHolderOf,
} from '../files/database-file.js';
import { findFile, removeEarlierFiles, setHeldAside } from '../files/earlier-files.js';
import { assertSecondName } from '../files/held-file.js';

export interface HandoverParts {
  /** Of the current generation. */
  readonly old: GenerationDatabase;
  /** Of the candidate, not open yet. */
  readonly next: GenerationDatabase;
  /** How long to wait for a file that another process has open for a moment. */
  readonly lockWaitMs: number;
  /** Ends the process that has the file open if it is one of ours; returns false if it is not. */
  readonly endLockHolder: (processId: number) => Promise<boolean>;
  readonly onWarning: (message: string) => void;
}

const RETRY_LOCK_MS = 10;

/**
 * Replaces a database that only one instance may have open. No call runs from `close` on. After it come `open` and `finish`,
 * or `goBack` if anything failed.
 */
export class DatabaseHandover {
  readonly #parts: HandoverParts;
  readonly #instance: DatabaseInstance | undefined;
  /** The name of the old file while it is closed. */
  #earlier: string | undefined;
  #servedAs: string | undefined;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
    this.#instance = parts.old.instance;
  }

  /** After `goBack`: the name the old file is open under if another file has its path. */
  get servedAs(): string | undefined {
    return this.#servedAs;
  }

  /** After `open`: whether the file is another one than before. */
  get isReplaced(): boolean {
    const [old, next] = [this.#instance?.opened.file, this.#parts.next.file];
    return old !== undefined && next !== undefined && !isSameFile(old, next);
  }

  /**
   * Throws `database_failed` when this user lacks a permission for the new file, and when the old file could not be reached
   * again if the new one does not open.
   */
  async assertPossible(): Promise<void> {
    const { old, next } = this.#parts;
    // First, because Linux may also refuse a link to a file that this user cannot write, and that would hide the reason.
    await assertPermitted(next.path, next.spec);
    await assertSecondName(await fileNamesOf(old.path), this.#instance?.opened.held?.unlinkedBecause);
  }

  /** Writes the log into the old file, as far as running calls allow, so that closing it takes no time. Never throws. */
  async shorten(): Promise<void> {
    if (this.#instance === undefined || this.#instance.spec.readonly) return;
    try {
      await this.#instance.connections.useNew((connection) => connection.run('CHECKPOINT'));
    } catch {
      // A running transaction prevents it. Closing the file does the same, but while calls wait.
    }
  }

  /** Throws when another generation uses the old file too, which then stays open. */
  async close(): Promise<void> {
    const { old } = this.#parts;
    await old.suspend();
    if (this.#instance === undefined) return;
    if (old.registry.isOpen(this.#instance))
      throw new Error(`database ${old.path} is still used by another generation`);
    this.#earlier = await keepEarlier(this.#instance);
  }

  /**
   * Opens the file that is at the path now; `expected` is the file that was checked. Throws `database_replaced` when it is
   * another one, and what opening throws.
   */
  async open(expected: DatabaseFile | undefined): Promise<void> {
    const { next } = this.#parts;
    await this.#retryingLock(() => next.open());
    if (expected === undefined || (next.file !== undefined && isSameFile(next.file, expected))) return;
    throw new MxcpError(
      'database_replaced',
      `database ${next.path} was replaced again after it had been checked; reload again`,
    );
  }

  /** The new file is served: what the old generation still does uses it, and the old file is no longer needed. */
  async finish(): Promise<void> {
    const { old, next, onWarning } = this.#parts;
    old.follow(next);
    for (const warning of await next.removeEarlierFiles()) onWarning(warning);
    // If the path is a symbolic link that was changed, the hidden names of the old file are in another folder.
    const names = this.#instance?.opened.names;
    if (names === undefined || names.database === next.instance?.opened.names.database) return;
    for (const warning of await removeEarlierFiles(names)) onWarning(warning);
  }

  /**
   * Closes the new file and opens the old one again, by a name that still leads to it, for the old generation. Throws what
   * opening throws; then nothing is open.
   */
  async goBack(): Promise<void> {
    const { old, next, onWarning } = this.#parts;
    // Whatever remains of the new file, the old generation must get its own file back.
    await next.suspend().catch((error: unknown) => {
      onWarning(`database ${next.path} was not closed completely: ${messageOf(error)}`);
    });
    try {
      if (this.#instance === undefined) throw new Error('it was not open before');
      const instance = this.#instance;
      const share = await this.#retryingLock(() => this.#reopen(instance));
      const { openedAs, names } = share.instance.opened;
      const notAttached = await old.resume(share);
      if (notAttached !== undefined) onWarning(notAttached.message);
      if (openedAs !== names.database) this.#servedAs = openedAs;
    } catch (error) {
      const reason = new MxcpError(
        'database_failed',
        `database ${old.path} could not be opened again after a failed handover: ${messageOf(error)}; fix that and reload`,
        { cause: error },
      );
      old.giveUp(reason);
      throw reason;
    }
  }

  async #reopen(instance: DatabaseInstance): Promise<InstanceShare> {
    const { registry, spec } = this.#parts.old;
    if (registry.isOpen(instance)) return registry.shareOf(instance);
    const name = await findOld(instance);
    const share = await registry.acquireEarlier(spec, instance.opened.names, name);
    const isInPlace = name === instance.opened.names.database;
    if (isInPlace && this.#earlier !== undefined) await rm(this.#earlier, { force: true });
    return share;
  }

  /** Another process may have the closed file open for a moment, or a process of ours may have forgotten to close it. */
  async #retryingLock<T>(open: () => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + this.#parts.lockWaitMs;
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (!(error instanceof MxcpError) || error.code !== 'database_locked') throw error;
        const holder = lockHolderOf(error);
        if (holder !== undefined && (await this.#parts.endLockHolder(holder))) continue;
        if (performance.now() > giveUpAt) throw error;
        await delay(RETRY_LOCK_MS);
      }
    }
  }
}

/**
 * Gives the closed old file an earlier name. If another file has taken its path, a log that closing has left moves with it;
 * otherwise the log is in the right place.
 */
async function keepEarlier(instance: DatabaseInstance): Promise<string> {
  const { names, file, openedAs } = instance.opened;
  if (openedAs !== names.database) return openedAs;
  const [now, held] = [await findDatabaseFile(names.database), await findDatabaseFile(names.held)];
  const isInPlace = now !== null && isSameFile(now, file);
  if (!isInPlace && held !== null && isSameFile(held, file)) return setHeldAside(names);
  const earlier = earlierName(names);
  await link(isInPlace ? names.database : await findOld(instance), earlier);
  return earlier;
}

async function findOld({ opened: { names, file } }: DatabaseInstance): Promise<string> {
  const name = await findFile(names, file);
  if (name === undefined) throw new Error(`the file that was open is gone from ${names.folder}`);
  return name;
}
