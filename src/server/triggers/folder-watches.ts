import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Disposable } from '../../lifecycle/index.js';
import { findPlaces } from './path-places.js';
import type { WatchedFile } from './watched-file.js';

/** Beyond this the slow look has to do: what the kernel gives for watching is shared by all programs of a user. */
const MAX_FOLDERS = 64;

/** By name: whether only its coming and going counts, and not what is written into it. */
type Names = Map<string, { readonly onlyRenames: boolean }>;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  /** Device and inode: a folder that was replaced is watched no longer, and says nothing about it. */
  readonly identity: string;
  names: Names;
}

/**
 * Hears from the kernel when something happens to one of a number of paths. It need not hear everything: network file
 * systems tell nothing, and a folder may be missing or one too many. Watches folders, because a watched file is deaf
 * once another was renamed over it.
 */
export class FolderWatches implements Disposable {
  readonly #onEvent: () => void;
  readonly #maxFolders: number;
  readonly #folders = new Map<string, WatchedFolder>();
  #disposed = false;

  constructor(onEvent: () => void, maxFolders = MAX_FOLDERS) {
    this.#onEvent = onEvent;
    this.#maxFolders = maxFolders;
  }

  /** Watches these paths and no others, as the links and folders on their way are now. */
  async watch(files: readonly WatchedFile[]): Promise<void> {
    const wanted = await findFolders(files);
    for (const folder of this.#folders.keys()) if (!wanted.has(folder)) this.#close(folder);
    for (const [folder, names] of wanted) await this.#watchFolder(folder, names);
  }

  dispose(): void {
    this.#disposed = true;
    for (const folder of this.#folders.keys()) this.#close(folder);
  }

  async #watchFolder(folder: string, names: Names): Promise<void> {
    const identity = await readIdentity(folder);
    const known = this.#folders.get(folder);
    if (known !== undefined && known.identity === identity) {
      known.names = names;
      return;
    }
    this.#close(folder);
    if (this.#disposed || identity === undefined || this.#folders.size >= this.#maxFolders) return;
    const watcher = this.#open(folder);
    if (watcher !== undefined) this.#folders.set(folder, { watcher, identity, names });
  }

  /** Undefined where nothing can be watched: then the slow look is all there is. */
  #open(folder: string): FSWatcher | undefined {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (this.#counts(folder, event, name)) this.#onEvent();
      });
      watcher.on('error', () => this.#close(folder));
      return watcher;
    } catch {
      // No inotify watch left, or the folder is gone again.
      return undefined;
    }
  }

  #counts(folder: string, event: string, name: string | null): boolean {
    if (name === null) return true;
    const watched = this.#folders.get(folder)?.names.get(name);
    return watched !== undefined && (event === 'rename' || !watched.onlyRenames);
  }

  #close(folder: string): void {
    this.#folders.get(folder)?.watcher.close();
    this.#folders.delete(folder);
  }
}

async function findFolders(files: readonly WatchedFile[]): Promise<ReadonlyMap<string, Names>> {
  const folders = new Map<string, Names>();
  for (const file of files) {
    // A read-write database is written to by whoever serves it; only that it is replaced tells something.
    const onlyRenames = file.kind === 'database' && !file.readonly;
    for (const { folder, name } of await findPlaces(file.path)) {
      const names = folders.get(folder) ?? new Map();
      names.set(name, { onlyRenames: onlyRenames && (names.get(name)?.onlyRenames ?? true) });
      folders.set(folder, names);
    }
  }
  return folders;
}

async function readIdentity(folder: string): Promise<string | undefined> {
  const stats = await stat(folder).catch(() => undefined);
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}
