import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import {
  type DatabaseFile,
  type FileNames,
  isOverwritten,
  isSameFile,
  statDatabaseFile,
} from '../files/database-file.js';
import { DatabaseInstance, type InstanceSpec } from './database-instance.js';

/** A generation's share of an instance. The instance closes when the last share is released. */
export interface InstanceShare extends Disposable {
  readonly instance: DatabaseInstance;
  /** `kept`: another generation has it open too; `opened`: it was opened for this share. */
  readonly action: 'kept' | 'opened';
}

/**
 * How the next generation comes to its database: it shares what is open, opens a file beside it, or needs what is open to
 * be closed first, because another file has replaced it (`replace`) or it is open under a name that is not its path
 * (`reopen`).
 */
export type DatabasePlan = 'share' | 'open' | 'replace' | 'reopen';

/**
 * All open instances of the process, known by device and inode: DuckDB's own cache goes by name and would answer with the
 * old file after a rename.
 */
export class DatabaseRegistry implements Disposable {
  readonly #shares = new Map<DatabaseInstance, number>();
  #lastChange: Promise<unknown> = Promise.resolve();

  /** Throws `database_missing`, and `database_replaced` when a read-only file was overwritten in place. */
  plan(spec: InstanceSpec): Promise<DatabasePlan> {
    return this.#inTurn(async () => (await this.#look(spec)).plan);
  }

  /**
   * Shares the instance that has this file open, or opens one. Throws `database_replaced` when a file that is open
   * read-write was replaced or a read-only one was overwritten in place, and whatever opening throws.
   */
  acquire(spec: InstanceSpec): Promise<InstanceShare> {
    return this.#inTurn(() => this.#acquire(spec));
  }

  /** Opens a file again that was served before, and is closed now, under a name that still leads to it. */
  acquireEarlier(spec: InstanceSpec, names: FileNames, openedAs: string): Promise<InstanceShare> {
    return this.#inTurn(async () =>
      this.#share(await DatabaseInstance.openEarlier(spec, names, openedAs), 'opened'),
    );
  }

  /** One more share of an instance that is open. */
  shareOf(instance: DatabaseInstance): InstanceShare {
    if (!this.#shares.has(instance)) throw new Error('the instance is not open');
    return this.#share(instance, 'kept');
  }

  isOpen(instance: DatabaseInstance): boolean {
    return this.#shares.has(instance);
  }

  /** Interrupts every running query of every generation; the calls then end with `query_interrupted`. */
  interruptAll(): void {
    for (const instance of this.#shares.keys()) instance.interruptAll();
  }

  dispose(): Promise<void> {
    return this.#inTurn(() => this.#disposeAll());
  }

  /** One after the other: a file that is just being opened or closed must not be opened a second time beside it. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(change);
    // Whoever asked for this change hears of its failure; the next one only waits for its end.
    this.#lastChange = result.catch(() => undefined);
    return result;
  }

  /** One look at the path for both answers: it can name another file at any time. */
  async #look(
    spec: InstanceSpec,
  ): Promise<{ readonly plan: DatabasePlan; readonly same?: DatabaseInstance }> {
    const file = await statDatabaseFile(spec.path);
    const all = [...this.#shares.keys()];
    const same = file === null ? undefined : all.find((instance) => isSameFile(instance.file, file));
    if (same !== undefined && file !== null) {
      assertNotOverwritten(same, file);
      // One that was opened again under another name has its log there; opened anew, it has it beside the path again.
      const isInPlace = same.readonly || same.openedAs === same.names.database;
      return { plan: isInPlace ? 'share' : 'reopen', same };
    }
    const open = all.filter(({ path }) => path === spec.path);
    if (file === null && open[0] !== undefined) throw missingError(open[0]);
    return { plan: open.some(({ readonly }) => !readonly) ? 'replace' : 'open' };
  }

  async #acquire(spec: InstanceSpec): Promise<InstanceShare> {
    const { plan, same } = await this.#look(spec);
    if (plan === 'replace' || plan === 'reopen') {
      throw new MxcpError(
        'database_replaced',
        `database ${spec.path} was replaced by another file just now; reload again`,
      );
    }
    return same === undefined
      ? this.#share(await DatabaseInstance.open(spec), 'opened')
      : this.#share(same, 'kept');
  }

  async #disposeAll(): Promise<void> {
    const instances = [...this.#shares.keys()];
    this.#shares.clear();
    await Promise.all(instances.map((instance) => instance.dispose()));
  }

  #share(instance: DatabaseInstance, action: InstanceShare['action']): InstanceShare {
    this.#shares.set(instance, (this.#shares.get(instance) ?? 0) + 1);
    let released = false;
    return {
      instance,
      action,
      dispose: async () => {
        if (released) return;
        released = true;
        await this.#inTurn(() => this.#release(instance));
      },
    };
  }

  async #release(instance: DatabaseInstance): Promise<void> {
    const shares = this.#shares.get(instance);
    // Absent after the registry itself was disposed, which closed the instance.
    if (shares === undefined) return;
    if (shares > 1) {
      this.#shares.set(instance, shares - 1);
      return;
    }
    this.#shares.delete(instance);
    await instance.dispose();
  }
}

/** Only a read-only file shows it: a read-write one changes by our own writes, and other processes are locked out. */
function assertNotOverwritten(instance: DatabaseInstance, now: DatabaseFile): void {
  if (!instance.readonly || !isOverwritten(instance.file, now)) return;
  throw new MxcpError(
    'database_replaced',
    `database ${instance.path} was overwritten in place while it is open; write the new file beside it and rename it over this one (mv new.duckdb ${instance.path})`,
  );
}

function missingError({ path, readonly, names, unlinkedBecause }: DatabaseInstance): MxcpError {
  const hasSecondName = !readonly && unlinkedBecause === undefined;
  const how = hasSecondName
    ? `; it is still there as ${names.held} (ln ${names.held} ${names.database})`
    : '';
  return new MxcpError(
    'database_missing',
    `database ${path} is gone from the disk; the open one still serves. Put the file back${how}`,
  );
}
