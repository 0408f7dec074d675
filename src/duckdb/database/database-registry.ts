import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { type DatabaseFile, type FileNames, isSameFile, statDatabaseFile } from '../files/database-file.js';
import { DatabaseInstance, type InstanceSpec } from './database-instance.js';

/** One generation's use of an instance. The registry closes the instance when the last share is released. */
export interface InstanceShare extends Disposable {
  readonly instance: DatabaseInstance;
  /** `kept` if another generation had the instance open already, `opened` if it was opened for this share. */
  readonly action: 'kept' | 'opened';
}

/**
 * What a reload has to do for the database of the next generation:
 * - `share`: the same file is open; both generations use it.
 * - `open`: open another file beside what is open.
 * - `replace`: another file is at the path of one that is open read-write, which must be closed first.
 * - `reopen`: the same file is open under another name than its path, and must be closed and opened by its path.
 */
export type DatabasePlan = 'share' | 'open' | 'replace' | 'reopen';

/**
 * All open instances of the process, by device and inode: DuckDB's own cache goes by path and would return the old file
 * after a rename.
 */
export class DatabaseRegistry implements Disposable {
  readonly #shares = new Map<DatabaseInstance, number>();
  #lastChange: Promise<unknown> = Promise.resolve();

  /** Throws `database_missing`, and `database_replaced` when a read-only file was overwritten in place. */
  plan(spec: InstanceSpec): Promise<DatabasePlan> {
    return this.#inTurn(async () => (await this.#plan(spec)).plan);
  }

  /**
   * Shares the instance that has this file open, or opens one. Throws `database_replaced` when a file that is open
   * read-write was replaced or a read-only one was overwritten in place, and whatever opening throws.
   */
  acquire(spec: InstanceSpec): Promise<InstanceShare> {
    return this.#inTurn(async () => {
      const { plan, same } = await this.#plan(spec);
      if (plan === 'replace' || plan === 'reopen') {
        const message = `database ${spec.path} was just replaced by another file; reload again`;
        throw new MxcpError('database_replaced', message);
      }
      if (same !== undefined) return this.#share(same, 'kept');
      return this.#share(await DatabaseInstance.open(spec), 'opened');
    });
  }

  /** Opens a file again that was open before and is closed now, by a name that still leads to it. */
  acquireEarlier(spec: InstanceSpec, names: FileNames, openedAs: string): Promise<InstanceShare> {
    return this.#inTurn(async () => this.#share(await DatabaseInstance.openEarlier(spec, names, openedAs), 'opened'));
  }

  /** One more share of an instance that is open. */
  shareOf(instance: DatabaseInstance): InstanceShare {
    if (!this.isOpen(instance)) throw new Error('the instance is not open');
    return this.#share(instance, 'kept');
  }

  isOpen(instance: DatabaseInstance): boolean {
    return this.#shares.has(instance);
  }

  /** Interrupts every running query of every generation; the calls then end with `query_interrupted`. */
  interruptAll(): void {
    for (const { connections } of this.#shares.keys()) connections.interruptAll();
  }

  dispose(): Promise<void> {
    return this.#inTurn(async () => {
      const instances = [...this.#shares.keys()];
      this.#shares.clear();
      await Promise.all(instances.map((instance) => instance.dispose()));
    });
  }

  /** One change at a time: a file that is being opened or closed must not be opened a second time. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(change);
    // The caller receives the failure; the next change only waits for the end of this one.
    this.#lastChange = result.catch(() => undefined);
    return result;
  }

  /** Reads the path once for both results: it can name another file at any time. */
  async #plan(spec: InstanceSpec): Promise<{ plan: DatabasePlan; same?: DatabaseInstance }> {
    const file = await statDatabaseFile(spec.path);
    const all = [...this.#shares.keys()];
    const same = file === null ? undefined : all.find((instance) => isSameFile(instance.opened.file, file));
    if (same !== undefined && file !== null) {
      assertNotOverwritten(same, file);
      // A file that is open under another name has its log beside that name; opened again, it has it beside its path.
      const isInPlace = same.spec.readonly || same.opened.openedAs === same.opened.names.database;
      return { plan: isInPlace ? 'share' : 'reopen', same };
    }
    const open = all.filter((instance) => instance.spec.path === spec.path);
    if (file === null && open[0] !== undefined) throw missingError(open[0]);
    return { plan: open.some((instance) => !instance.spec.readonly) ? 'replace' : 'open' };
  }

  #share(instance: DatabaseInstance, action: InstanceShare['action']): InstanceShare {
    this.#shares.set(instance, (this.#shares.get(instance) ?? 0) + 1);
    let released: Promise<void> | undefined;
    return { instance, action, dispose: () => (released ??= this.#inTurn(() => this.#release(instance))) };
  }

  async #release(instance: DatabaseInstance): Promise<void> {
    const shares = this.#shares.get(instance);
    // Undefined if the registry itself was disposed, which closed the instance.
    if (shares === undefined) return;
    if (shares > 1) {
      this.#shares.set(instance, shares - 1);
      return;
    }
    this.#shares.delete(instance);
    await instance.dispose();
  }
}

/** Only for read-only files: a read-write file changes by our own writes, and other processes are locked out of it. */
function assertNotOverwritten(
  { spec: { path, readonly }, opened: { file } }: DatabaseInstance,
  now: DatabaseFile,
): void {
  if (!readonly || (file.sizeBytes === now.sizeBytes && file.modifiedMs === now.modifiedMs)) return;
  throw new MxcpError(
    'database_replaced',
    `database ${path} was overwritten in place while it was open; write the new file beside it and rename it over this one (mv new.duckdb ${path})`,
  );
}

function missingError({ spec: { path }, opened: { names, held } }: DatabaseInstance): MxcpError {
  const hasSecondName = held !== undefined && held.unlinkedBecause === undefined;
  const how = hasSecondName ? `: it still exists as ${names.held} (ln ${names.held} ${names.database})` : '';
  return new MxcpError(
    'database_missing',
    `database ${path} is gone from the disk; the server keeps using the open file. Put the file back${how}`,
  );
}
