import { MISSING, type ReadFile, type ResolvedConfig } from '../../config/index.js';
import { statDatabaseFile, type DatabaseFile, type GenerationDatabase } from '../../runtime/index.js';

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
  readonly mark: string;
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
    { kind: 'database', path, readonly, mark: toDatabaseMark(file ?? null, readonly) },
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
