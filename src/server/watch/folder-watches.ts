import { type FSWatcher, watch } from 'node:fs';
import { readlink, stat } from 'node:fs/promises';
import { join, parse, resolve, sep } from 'node:path';
import type { ResolvedConfig } from '../../config/index.js';
import { type DatabaseFile, type GenerationDatabase, statDatabaseFile } from '../../duckdb/index.js';
import { isMissing } from '../../errors/index.js';
import { MISSING, type ReadFile } from '../../files/index.js';
import type { Disposable } from '../../lifecycle/index.js';

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

/** As the kernel does. */
const MAX_LINKS = 40;

/** A name in a folder: when what it stands for is replaced, the path that led through it leads elsewhere. */
export interface Place {
  readonly folder: string;
  readonly name: string;
}

/**
 * Every place where a change can make a path lead to other content: the file itself and each symbolic link on the way.
 * Kubernetes replaces none of the files of a volume but a link, `..data`, that all of them lead through. Where a folder
 * is missing, the place where it would appear is the last one.
 */
export async function findPlaces(path: string): Promise<readonly Place[]> {
  const places: Place[] = [];
  let { folder, names } = split(path);
  for (let links = 0; names.length > 0; ) {
    const [name = '', ...rest] = names;
    const found = await readLink(join(folder, name));
    if (found.kind !== 'other' || rest.length === 0) places.push({ folder, name });
    if (found.kind === 'missing') break;
    if (found.kind === 'link') {
      links += 1;
      if (links > MAX_LINKS) break;
      const target = split(resolve(folder, found.target));
      ({ folder } = target);
      names = [...target.names, ...rest];
    } else {
      folder = join(folder, name);
      names = rest;
    }
  }
  return places;
}

function split(path: string): { folder: string; names: readonly string[] } {
  const { root } = parse(path);
  return {
    folder: root,
    names: path
      .slice(root.length)
      .split(sep)
      .filter((name) => name !== ''),
  };
}

type Link =
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'other' };

async function readLink(path: string): Promise<Link> {
  try {
    return { kind: 'link', target: await readlink(path) };
  } catch (error) {
    return { kind: isMissing(error) ? 'missing' : 'other' };
  }
}

/** A file whose content tells whether it has changed. */
interface WatchedText extends ReadFile {
  readonly kind: 'text';
}

/**
 * A database is never read: closing any descriptor on its file would drop DuckDB's lock on it. Of one that is open
 * read-write only the identity counts, because its own writes change the rest.
 */
export interface WatchedDatabase {
  readonly kind: 'database';
  readonly path: string;
  readonly contentHash: string;
  readonly readonly: boolean;
}

/** One path and what is there as far as the server knows: equal marks mean that nothing has changed. */
export type WatchedFile = WatchedText | WatchedDatabase;

type WatchableDatabase = Pick<GenerationDatabase, 'path' | 'readonly'> & {
  readonly file: DatabaseFile | undefined;
};

/** Everything that a generation was made of, as it was then. */
export function toWatchedFiles(
  { readFiles }: ResolvedConfig,
  { path, file, readonly }: WatchableDatabase,
): readonly WatchedFile[] {
  return [
    ...readFiles.map((read): WatchedText => ({ kind: 'text', ...read })),
    { kind: 'database', path, readonly, contentHash: toDatabaseMark(file ?? null, readonly) },
  ];
}

/** What is at the path of a database now. Throws `database_failed` when nobody can tell. */
export async function readDatabaseMark({ path, readonly }: WatchedDatabase): Promise<string> {
  return toDatabaseMark(await statDatabaseFile(path), readonly);
}

function toDatabaseMark(file: DatabaseFile | null, readonly: boolean): string {
  if (file === null) return MISSING;
  const identity = `file ${file.device}:${file.inode}`;
  return readonly ? `${identity} ${file.modifiedMs} ${file.sizeBytes}` : identity;
}
