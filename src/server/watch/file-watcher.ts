import { MISSING } from '../../files/index.js';
import { type Disposable, within } from '../../lifecycle/index.js';
import { FolderWatches } from './folder-watches.js';
import { FileChecks, type WatchedFile } from './watched-files.js';

export interface WatchTimings {
  /** From an event of the kernel to the check it triggers: one change causes several events. */
  readonly debounceMs: number;
  /** How long all files must stay the same before a change counts: a program may write a file in pieces. */
  readonly settleMs: number;
  /** The same for a missing file: a program may remove a file before it writes the new one. */
  readonly vanishMs: number;
  /** After this, a change counts even if files keep changing. */
  readonly longestSettleMs: number;
  /** Between two checks without an event: the kernel does not report every change. */
  readonly pollMs: number;
}

const TIMINGS: WatchTimings = {
  debounceMs: 50,
  settleMs: 250,
  vanishMs: 2_000,
  longestSettleMs: 30_000,
  pollMs: 5_000,
};

/** How long a check waits until the kernel watches the folders. */
const WATCH_LIMIT_MS = 5_000;

export interface FileWatcherOptions {
  /** Called when files have changed and are stable again, with the state that is known from now on. */
  readonly onChange: (files: readonly WatchedFile[]) => void;
  /** Called after each check and its consequences. */
  readonly onChecked?: (() => void) | undefined;
  readonly timings?: Partial<WatchTimings> | undefined;
  /** 0 watches no folders and only polls. */
  readonly maxFolders?: number | undefined;
}

/** A difference from the known files: since when there has been one, and since when it has been exactly this one. */
interface Unsettled {
  readonly hashes: ReadonlyMap<string, string>;
  readonly changedAt: number;
  readonly sameSince: number;
}

/**
 * Notices when the content of files differs from the known one. A change counts only when two checks some time apart have seen the
 * same content; touching a file is no change. A reported change becomes the known state until the next `watch`. Its timers do not
 * keep the process alive.
 */
export class FileWatcher implements Disposable {
  readonly #options: FileWatcherOptions;
  readonly #timings: WatchTimings;
  readonly #checks = new FileChecks();
  readonly #folders: FolderWatches;
  #files: ReadonlyMap<string, WatchedFile> = new Map();
  #unsettled: Unsettled | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #isChecking = false;
  /** An event during a check may be about a file that the check had already read. */
  #mustCheckAgain = false;
  /** When a file system hangs, watching folders takes long; files are checked nevertheless. */
  #watching: Promise<void> | undefined;
  #isDisposed = false;

  constructor(options: FileWatcherOptions) {
    this.#options = options;
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#folders = new FolderWatches(() => this.#schedule(this.#timings.debounceMs), options.maxFolders);
  }

  /** Watches these files, whose content hashes are the known state. A change before this call counts too. */
  watch(files: readonly WatchedFile[]): void {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#unsettled = undefined;
    this.#checks.keepOnly(files);
    this.#schedule(0);
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#folders.dispose();
  }

  /** There is one timer, for the earliest check. Each check schedules the next. */
  #schedule(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#isDisposed || (this.#timer !== undefined && this.#dueAt <= dueAt)) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#check();
    }, delayMs).unref();
  }

  async #check(): Promise<void> {
    this.#mustCheckAgain = this.#isChecking;
    if (this.#isChecking) return;
    this.#isChecking = true;
    const checked = this.#files;
    const files = [...checked.values()];
    // Before the files are read, so that later changes cause an event.
    await this.#watchFolders(files);
    const hashes = await this.#checks.run(files);
    this.#isChecking = false;
    if (this.#isDisposed) return;
    // If other files are watched by now, their own check is already due.
    if (checked === this.#files) this.#judge(hashes);
    this.#schedule(this.#mustCheckAgain ? this.#timings.debounceMs : this.#timings.pollMs);
    this.#options.onChecked?.();
  }

  async #watchFolders(files: readonly WatchedFile[]): Promise<void> {
    this.#watching ??= this.#folders.watch(files).finally(() => {
      this.#watching = undefined;
    });
    await within(this.#watching, WATCH_LIMIT_MS);
  }

  /** Reports a change that has settled; otherwise schedules the check that may find it settled. */
  #judge(hashes: ReadonlyMap<string, string>): void {
    const changed = [...hashes].filter(([path, hash]) => this.#files.get(path)?.contentHash !== hash);
    const before = this.#unsettled;
    this.#unsettled = undefined;
    if (changed.length === 0) return;
    const now = performance.now();
    const sameSince = before !== undefined && isEqual(before.hashes, hashes) ? before.sameSince : now;
    const changedAt = before?.changedAt ?? now;
    const { settleMs, vanishMs, longestSettleMs } = this.#timings;
    const restMs = changed.some(([, hash]) => isGone(hash)) ? Math.max(vanishMs, settleMs) : settleMs;
    const waitMs = Math.min(sameSince + restMs, changedAt + longestSettleMs) - now;
    if (waitMs > 0) {
      this.#unsettled = { hashes, changedAt, sameSince };
      this.#schedule(Math.min(waitMs, settleMs));
      return;
    }
    const files = [...this.#files.values()].map((file) => ({
      ...file,
      contentHash: hashes.get(file.path) ?? file.contentHash,
    }));
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#options.onChange(files);
  }
}

function isGone(contentHash: string): boolean {
  return contentHash === MISSING || contentHash.startsWith('unreadable');
}

function isEqual(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, hash]) => b.get(path) === hash);
}
