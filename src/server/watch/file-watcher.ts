import { stat } from 'node:fs/promises';
import { messageOf } from '../../errors/index.js';
import { MISSING, readContentHash } from '../../files/index.js';
import { deadlineIn, type Disposable, within } from '../../lifecycle/index.js';
import { FolderWatches, readDatabaseMark, type WatchedFile } from './folder-watches.js';

export interface WatchTimings {
  /** From an event of the kernel to the look that it causes: one change makes several events. */
  readonly debounceMs: number;
  /** How long everything must have looked the same before it counts: who writes a file in pieces is not done sooner. */
  readonly settleMs: number;
  /** The same for a file that is gone: who replaces one may remove it first. */
  readonly vanishMs: number;
  /** Something that changes all the time counts after this, as it is. */
  readonly longestSettleMs: number;
  /** Between two looks when the kernel says nothing: it does not hear of everything. */
  readonly pollMs: number;
}

const TIMINGS: WatchTimings = {
  debounceMs: 50,
  settleMs: 250,
  vanishMs: 2_000,
  longestSettleMs: 30_000,
  pollMs: 5_000,
};

/** How long a look waits for the kernel to watch the folders. */
const WATCH_LIMIT_MS = 5_000;

export interface FileWatcherOptions {
  /** Called when files have changed and rest again. */
  readonly onChange: () => void;
  /** Called when a look is over, after what it led to. */
  readonly onLooked?: (() => void) | undefined;
  readonly timings?: Partial<WatchTimings> | undefined;
  /** 0: nothing but the slow look. */
  readonly maxFolders?: number | undefined;
}

/** What was seen that is not what is known, since when it is so, and since when it is exactly this. */
interface Unsettled {
  readonly marks: ReadonlyMap<string, string>;
  readonly changedAt: number;
  readonly sameSince: number;
}

/**
 * Notices when files hold something else than what is known of them. What counts is what they hold, not that somebody
 * touched them, and only once two looks some time apart saw the same. What was reported once is known from then on, until
 * `watch` says otherwise. Its timers keep no process alive.
 */
export class FileWatcher implements Disposable {
  readonly #onChange: () => void;
  readonly #onLooked: (() => void) | undefined;
  readonly #timings: WatchTimings;
  readonly #looks = new FileLooks();
  readonly #folders: FolderWatches;
  #files: ReadonlyMap<string, WatchedFile> = new Map();
  #unsettled: Unsettled | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #isLooking = false;
  /** Whatever an event was about may have come after the look that goes on had passed it. */
  #mustLookAgain = false;
  /** A file system that hangs keeps the kernel from being asked to watch, but no file from being looked at. */
  #watching: Promise<void> | undefined;
  #isDisposed = false;

  constructor({ onChange, onLooked, timings, maxFolders }: FileWatcherOptions) {
    this.#onChange = onChange;
    this.#onLooked = onLooked;
    this.#timings = { ...TIMINGS, ...timings };
    this.#folders = new FolderWatches(() => this.#schedule(this.#timings.debounceMs), maxFolders);
  }

  /** Watches these from now on; their marks say what is known. A change that came before this call counts too. */
  watch(files: readonly WatchedFile[]): void {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#unsettled = undefined;
    this.#looks.keepOnly(files);
    this.#schedule(0);
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#folders.dispose();
  }

  /** The earlier of two looks counts; each look asks for the next. */
  #schedule(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#isDisposed || (this.#timer !== undefined && this.#dueAt <= dueAt)) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, delayMs).unref();
  }

  async #look(): Promise<void> {
    this.#mustLookAgain = this.#isLooking;
    if (this.#isLooking) return;
    this.#isLooking = true;
    const files = [...this.#files.values()];
    const known = this.#files;
    // Before the look, so that what changes after it is heard of.
    await this.#watchFolders(files);
    const marks = await this.#looks.take(files);
    this.#isLooking = false;
    if (this.#isDisposed) return;
    // Others than when the look began have a look of their own, which is due.
    if (known === this.#files) this.#judge(marks);
    this.#schedule(this.#mustLookAgain ? this.#timings.debounceMs : this.#timings.pollMs);
    this.#onLooked?.();
  }

  async #watchFolders(files: readonly WatchedFile[]): Promise<void> {
    this.#watching ??= this.#folders.watch(files).finally(() => {
      this.#watching = undefined;
    });
    await within(this.#watching, WATCH_LIMIT_MS);
  }

  #judge(marks: ReadonlyMap<string, string>): void {
    const changed = [...marks].filter(([path, mark]) => this.#files.get(path)?.contentHash !== mark);
    if (changed.length === 0) {
      this.#unsettled = undefined;
      return;
    }
    const now = performance.now();
    const before = this.#unsettled;
    const isSame = before !== undefined && haveSameMarks(before.marks, marks);
    const sameSince = isSame ? before.sameSince : now;
    const changedAt = before?.changedAt ?? now;
    const { settleMs, vanishMs, longestSettleMs } = this.#timings;
    const restMs = changed.some(([, mark]) => isGone(mark)) ? Math.max(vanishMs, settleMs) : settleMs;
    const waitMs = Math.min(sameSince + restMs, changedAt + longestSettleMs) - now;
    if (waitMs > 0) {
      this.#unsettled = { marks, changedAt, sameSince };
      this.#schedule(Math.min(waitMs, settleMs));
      return;
    }
    this.#unsettled = undefined;
    this.#files = withMarks(this.#files, marks);
    this.#onChange();
  }
}

function isGone(mark: string): boolean {
  return mark === MISSING || mark.startsWith('unreadable');
}

function haveSameMarks(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, mark]) => b.get(path) === mark);
}

function withMarks(
  files: ReadonlyMap<string, WatchedFile>,
  marks: ReadonlyMap<string, string>,
): ReadonlyMap<string, WatchedFile> {
  return new Map(
    [...files].map(([path, file]): [string, WatchedFile] => [
      path,
      { ...file, contentHash: marks.get(path) ?? file.contentHash },
    ]),
  );
}

/** A file system that hangs must not keep the other files from being looked at. */
const LOOK_TIMEOUT_MS = 5_000;

/** Files that are read at the same time: few, because queries use the same threads. */
const PARALLEL = 4;

/**
 * Times of files are as coarse as two seconds (FAT, old NFS), and two writes within that can leave the same ones. A file
 * that was changed more recently than this before a look is read again at the next.
 */
const COARSE_TIME_MS = 2_000;

interface Known {
  readonly signature: string;
  readonly mark: string;
}

/** What is at a number of paths now. Remembers what it has read, so that a file that rests is not read again. */
export class FileLooks {
  readonly #known = new Map<string, Known>();
  /** A read that hangs is not begun a second time: each would hold a thread. */
  readonly #pending = new Map<string, Promise<string>>();

  /** Marks by path. A path that gives no answer in time is left out. */
  async take(files: readonly WatchedFile[]): Promise<ReadonlyMap<string, string>> {
    const deadline = deadlineIn(LOOK_TIMEOUT_MS);
    const marks = new Map<string, string>();
    const rest = [...files];
    const takeNext = async (): Promise<void> => {
      for (let file = rest.shift(); file !== undefined; file = rest.shift()) {
        const mark = await within(this.#inspect(file), deadline);
        if (mark !== undefined) marks.set(file.path, mark);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, takeNext));
    deadline.dispose();
    return marks;
  }

  /** Forgets what is no longer looked at. */
  keepOnly(files: readonly WatchedFile[]): void {
    const paths = new Set(files.map(({ path }) => path));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }

  #inspect(file: WatchedFile): Promise<string> {
    const running = this.#pending.get(file.path);
    if (running !== undefined) return running;
    const started = this.#read(file)
      .catch((error: unknown) => `unreadable: ${messageOf(error)}`)
      .finally(() => this.#pending.delete(file.path));
    this.#pending.set(file.path, started);
    return started;
  }

  async #read(file: WatchedFile): Promise<string> {
    if (file.kind === 'database') return readDatabaseMark(file);
    const signature = await readSignature(file.path);
    const known = this.#known.get(file.path);
    if (known !== undefined && known.signature === signature) return known.mark;
    const mark = await readContentHash(file);
    if (signature === undefined) this.#known.delete(file.path);
    else this.#known.set(file.path, { signature, mark });
    return mark;
  }
}

/** Undefined when there is none that can be trusted. */
async function readSignature(path: string): Promise<string | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return undefined;
  const changedMs = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs));
  if (Date.now() - changedMs < COARSE_TIME_MS) return undefined;
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
}
