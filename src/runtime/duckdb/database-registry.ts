import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { isOverwritten, isSameFile, statDatabaseFile, type DatabaseFile } from './database-file.js';
import { DatabaseInstance, type InstanceSpec } from './database-instance.js';

/** A generation's share of an instance. The instance closes when the last share is released. */
export interface InstanceShare extends Disposable {
  readonly instance: DatabaseInstance;
  /** `kept`: another generation has it open too; `opened`: it was opened for this share. */
  readonly action: 'kept' | 'opened';
}

/**
 * All open instances of the process, known by device and inode: DuckDB's own cache goes by name and would answer with the
 * old file after a rename.
 */
export class DatabaseRegistry implements Disposable {
  readonly #shares = new Map<DatabaseInstance, number>();
  #lastChange: Promise<unknown> = Promise.resolve();

  /**
   * Shares the instance that has this file open, or opens one. Throws `database_replaced` when a file that is open
   * read-write was replaced or a read-only one was overwritten in place, and whatever opening throws.
   */
  acquire(spec: InstanceSpec): Promise<InstanceShare> {
    return this.#inTurn(() => this.#acquire(spec));
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

  async #acquire(spec: InstanceSpec): Promise<InstanceShare> {
    const file = await statDatabaseFile(spec.path);
    const all = [...this.#shares.keys()];
    const same = file === null ? undefined : all.find((instance) => isSameFile(instance.file, file));
    if (same !== undefined && file !== null) {
      assertNotOverwritten(same, file);
      return this.#share(same, 'kept');
    }
    const replaced = all.filter((instance) => instance.path === spec.path);
    assertReplaceable(replaced, spec, file);
    return this.#share(await DatabaseInstance.open(spec), 'opened');
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

function assertReplaceable(
  open: readonly DatabaseInstance[],
  spec: InstanceSpec,
  file: DatabaseFile | null,
): void {
  if (open.length === 0) return;
  if (file === null) {
    throw new MxcpError(
      'database_missing',
      `database ${spec.path} is gone from the disk; the open one still serves. Put the file back`,
    );
  }
  if (open.some((instance) => !instance.readonly)) {
    throw new MxcpError(
      'database_replaced',
      `database ${spec.path} was replaced while it is open read-write; this version cannot hand it over while serving. Restart the server to serve the new file, or serve the database read-only, where a reload is enough`,
    );
  }
}
