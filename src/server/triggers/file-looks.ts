import { stat } from 'node:fs/promises';
import { readMark } from '../../config/index.js';
import { messageOf } from '../../errors/index.js';
import { deadlineIn, within } from '../../lifecycle/index.js';
import { readDatabaseMark, type WatchedFile } from './watched-file.js';

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
    const mark = await readMark(file);
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
