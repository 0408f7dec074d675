import { type FSWatcher, watch } from 'node:fs';
import { readlink, stat } from 'node:fs/promises';
import { join, parse, resolve, sep } from 'node:path';
import { isMissing } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { WatchedFile } from './watched-files.js';

/** Further folders are only polled: all programs of a user share the kernel's watches. */
const MAX_FOLDERS = 64;

/** By name, or `''` for any other name: whether only its creation, removal and replacement count, and not writes into it. */
type Names = Map<string, { readonly onlyRenames: boolean }>;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  /** Device and inode: a folder that was replaced is no longer watched, without any event. */
  readonly identity: string;
  names: Names;
}

/**
 * Receives events of the kernel for a set of paths. It may miss changes: network file systems report none, and a folder may be
 * missing or exceed the limit. It watches folders, because a watched file reports nothing after another was renamed over it.
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

  /** Watches exactly these paths, along the folders and symbolic links that lead to them now. */
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
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (this.#counts(folder, event, name)) this.#onEvent();
      });
      watcher.on('error', () => this.#close(folder));
      this.#folders.set(folder, { watcher, identity, names });
    } catch {
      // No inotify watch is left, or the folder is gone again: its files are only polled.
    }
  }

  #counts(folder: string, event: string, name: string | null): boolean {
    if (name === null) return true;
    const names = this.#folders.get(folder)?.names;
    const watched = names?.get(name) ?? names?.get('');
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
    // The server itself writes to a read-write database; only its replacement is a change.
    const onlyRenames = file.kind === 'folder' || (file.kind === 'database' && !file.readonly);
    const inside = file.kind === 'folder' ? [{ folder: file.path, name: '' }] : [];
    for (const { folder, name } of [...(await findPlaces(file.path)), ...inside]) {
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

/** The limit of the kernel. */
const MAX_LINKS = 40;

/**
 * Finds every place where a change can make a path lead to other content: the file itself and each symbolic link on the way. In a
 * volume of Kubernetes no file is ever replaced, only the link `..data` that leads to all of them. If a folder is missing, the last
 * place is where it would appear.
 */
async function findPlaces(path: string): Promise<readonly { folder: string; name: string }[]> {
  const places: { folder: string; name: string }[] = [];
  let folder = parse(path).root;
  let names = namesOf(path);
  for (let links = 0; names.length > 0; ) {
    const [name = '', ...rest] = names;
    const target = await readLink(join(folder, name));
    if (target !== undefined || rest.length === 0) places.push({ folder, name });
    if (target === null) break;
    if (target === undefined) {
      folder = join(folder, name);
      names = rest;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) break;
    const resolved = resolve(folder, target);
    folder = parse(resolved).root;
    names = [...namesOf(resolved), ...rest];
  }
  return places;
}

function namesOf(path: string): readonly string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((name) => name !== '');
}

/** The target of a symbolic link, null where nothing exists, undefined for anything else. */
async function readLink(path: string): Promise<string | null | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    return isMissing(error) ? null : undefined;
  }
}
