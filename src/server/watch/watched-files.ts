import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { ResolvedConfig } from '../../config/index.js';
import { type DatabaseFile, type GenerationDatabase, statDatabaseFile } from '../../duckdb/index.js';
import { type EndpointCatalog, readNamedBytes } from '../../endpoints/index.js';
import { messageOf } from '../../errors/index.js';
import { DiskReader, fingerprint, MISSING, readContentHash, type ReadFile } from '../../files/index.js';
import { deadlineIn, within } from '../../lifecycle/index.js';

/** A file that is compared by its content. */
interface WatchedText extends ReadFile {
  readonly kind: 'text';
}

/**
 * A database is never read: closing any descriptor on its file would drop DuckDB's lock on it. If it is open read-write, only its
 * identity counts, because its own writes change the rest.
 */
interface WatchedDatabase {
  readonly kind: 'database';
  readonly path: string;
  readonly contentHash: string;
  readonly readonly: boolean;
}

/** A file that an endpoint names, such as an image, compared with what the definition was read from. */
interface WatchedNamedFile {
  readonly kind: 'named';
  readonly path: string;
  readonly contentHash: string;
}

/** A folder in which files may appear or disappear. */
interface WatchedFolder {
  readonly kind: 'folder';
  readonly path: string;
  readonly contentHash: string;
}

/** One path with its last known state: an equal content hash means that nothing has changed. */
export type WatchedFile = WatchedText | WatchedNamedFile | WatchedDatabase | WatchedFolder;

/** Endpoint files, the configuration, SQL files and Python code. */
const CODE_ENDINGS: ReadonlySet<string> = new Set(['.yml', '.yaml', '.sql', '.py']);

export function isCode({ name }: Pick<Dirent, 'name'>): boolean {
  return CODE_ENDINGS.has(extname(name));
}

/** The folders, links and code in a watched folder: data that appears there is no change. Nothing if it cannot be read. */
export async function listEntries(folder: string): Promise<readonly Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const counts = (entry: Dirent): boolean => entry.isDirectory() || entry.isSymbolicLink() || isCode(entry);
  return entries.filter((entry) => !entry.name.startsWith('.') && entry.name !== '__pycache__' && counts(entry));
}

export function hashEntries(entries: readonly Dirent[]): string {
  return `folder ${fingerprint(JSON.stringify(entries.map(({ name }) => name).sort()))}`;
}

/** What the endpoints of a catalog name, in the state in which it was read. */
export function toNamedFiles(projectRoot: string, { fingerprints }: EndpointCatalog): readonly WatchedFile[] {
  return [...fingerprints.values()].flatMap(({ files = [] }) =>
    files.map(({ path, contentHash }): WatchedNamedFile => {
      return { kind: 'named', path: join(projectRoot, path), contentHash };
    }),
  );
}

/** The configuration and the database that a generation was built from, in their state at that time. */
export function toWatchedFiles(
  { readFiles }: ResolvedConfig,
  { path, file, readonly }: Pick<GenerationDatabase, 'path' | 'readonly' | 'file'>,
): readonly WatchedFile[] {
  return [
    ...readFiles.map((read): WatchedText => ({ kind: 'text', ...read })),
    { kind: 'database', path, readonly, contentHash: hashDatabase(file ?? null, readonly) },
  ];
}

function hashDatabase(file: DatabaseFile | null, readonly: boolean): string {
  if (file === null) return MISSING;
  const identity = `file ${file.device}:${file.inode}`;
  return readonly ? `${identity} ${file.modifiedMs} ${file.sizeBytes}` : identity;
}

/** A file system that hangs must not delay the checks of the other files. */
const CHECK_TIMEOUT_MS = 5_000;

/** Files that are read at the same time: few, because queries use the same threads. */
const PARALLEL = 4;

/**
 * File times can be as coarse as two seconds (FAT, old NFS), so two writes within that time can leave the same one. A file that
 * changed more recently than this before a check is read again by the next check.
 */
const COARSE_TIME_MS = 2_000;

/** Computes the content hashes of files. Remembers what it has read, so that an unchanged file is not read again. */
export class FileChecks {
  readonly #disk = new DiskReader();
  readonly #known = new Map<string, { readonly signature: string; readonly contentHash: string }>();
  /** A read that hangs is not started a second time: each would occupy a thread. */
  readonly #pending = new Map<string, Promise<string>>();

  /** Content hashes by path, `unreadable: …` for a file that cannot be read. Leaves out files that do not answer in time. */
  async run(files: readonly WatchedFile[]): Promise<ReadonlyMap<string, string>> {
    const deadline = deadlineIn(CHECK_TIMEOUT_MS);
    const hashes = new Map<string, string>();
    const rest = [...files];
    const checkNext = async (): Promise<void> => {
      for (let file = rest.shift(); file !== undefined; file = rest.shift()) {
        const contentHash = await within(this.#check(file), deadline);
        if (contentHash !== undefined) hashes.set(file.path, contentHash);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, checkNext));
    deadline.dispose();
    return hashes;
  }

  /** Forgets every other file. */
  keepOnly(files: readonly WatchedFile[]): void {
    const paths = new Set(files.map(({ path }) => path));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }

  #check(file: WatchedFile): Promise<string> {
    const pending = this.#pending.get(file.path);
    if (pending !== undefined) return pending;
    const started = this.#read(file)
      .catch((error: unknown) => `unreadable: ${messageOf(error)}`)
      .finally(() => this.#pending.delete(file.path));
    this.#pending.set(file.path, started);
    return started;
  }

  async #read(file: WatchedFile): Promise<string> {
    if (file.kind === 'folder') return hashEntries(await listEntries(file.path));
    if (file.kind === 'database') return hashDatabase(await statDatabaseFile(file.path), file.readonly);
    const signature = await readSignature(file.path);
    const known = this.#known.get(file.path);
    if (known !== undefined && known.signature === signature) return known.contentHash;
    const contentHash = file.kind === 'text' ? await readContentHash(file) : await this.#hashNamed(file.path);
    if (signature === undefined) this.#known.delete(file.path);
    else this.#known.set(file.path, { signature, contentHash });
    return contentHash;
  }

  async #hashNamed(path: string): Promise<string> {
    const { error, contentHash } = { error: undefined, ...(await readNamedBytes(path, this.#disk)) };
    return error?.missing === true ? MISSING : contentHash;
  }
}

/** Undefined when the times of the file are too recent to be trusted. */
async function readSignature(path: string): Promise<string | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return undefined;
  const changedMs = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs));
  if (Date.now() - changedMs < COARSE_TIME_MS) return undefined;
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
}
