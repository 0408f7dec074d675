import { dirname } from 'node:path';
import { firstLineOf, messageOf, MxcpError } from '../../errors/index.js';

/** DuckDB's errors have no code; the class of an error is the start of its message (DuckDB 1.5.6). */
export function isInterrupt(thrown: unknown): boolean {
  return messageOf(thrown).startsWith('INTERRUPT Error');
}

export function isBinderError(thrown: unknown): boolean {
  return messageOf(thrown).startsWith('Binder Error');
}

export function isCatalogError(thrown: unknown): boolean {
  return messageOf(thrown).startsWith('Catalog Error');
}

export function interrupted(cause?: unknown): MxcpError {
  return new MxcpError('query_interrupted', 'the query was interrupted', { cause });
}

/** Throws `query_interrupted` when the signal is aborted. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted();
}

export function toQueryError(thrown: unknown): MxcpError {
  if (thrown instanceof MxcpError) return thrown;
  if (isInterrupt(thrown)) return interrupted(thrown);
  return new MxcpError('query_failed', `Failed to execute SQL: ${messageOf(thrown)}`, { cause: thrown });
}

/** Which process holds the file of a `database_locked` error, where DuckDB knows. */
export function lockHolderOf({ cause }: MxcpError): number | undefined {
  const holder = HOLDER.exec(messageOf(cause))?.[1];
  return holder === undefined ? undefined : Number(holder);
}

const HOLDER = /\(PID (\d+)\)/;

/** How a database file was to be opened. */
export interface OpenAttempt {
  /** As people know the file. */
  readonly path: string;
  /** As DuckDB was told it. */
  readonly openedAs: string;
  readonly readonly: boolean;
  readonly isThere: boolean;
}

/** What went wrong when a database file was opened, with the mend. */
export function toOpenError(thrown: unknown, attempt: OpenAttempt): MxcpError {
  const { path, openedAs } = attempt;
  const message = messageOf(thrown).replaceAll(openedAs, path);
  if (message.includes('Could not set lock')) {
    const holder = HOLDER.exec(message)?.[1];
    const who = holder === undefined ? 'another process' : `process ${holder}`;
    return new MxcpError(
      'database_locked',
      `cannot open database ${path}: ${who} holds it; stop that process, or open the database read-only in both`,
      { cause: thrown },
    );
  }
  const firstLine = firstLineOf(message);
  if (isRefused(firstLine)) return toRefusal(attempt, thrown);
  const why = `${firstLine}; put a DuckDB database there, or change duckdb.path`;
  return new MxcpError('database_failed', `cannot open database ${path}: ${why}`, { cause: thrown });
}

/** For a file that this user may not open in this way. */
export function toRefusal(attempt: Omit<OpenAttempt, 'openedAs'>, cause: unknown): MxcpError {
  const { path } = attempt;
  return new MxcpError('database_failed', `cannot open database ${path}: ${whyRefused(attempt)}`, { cause });
}

function isRefused(message: string): boolean {
  return /: (?:Permission denied|Operation not permitted|Read-only file system)$/.test(message);
}

function whyRefused({ path, readonly, isThere }: Omit<OpenAttempt, 'openedAs'>): string {
  if (!isThere)
    return `it is not there, and this user may not create it; let this user write to ${dirname(path)}, or change duckdb.path`;
  if (readonly) return 'this user may not read it; let this user read it';
  return 'this user may not open it for writing; open it read-only (`--readonly`, or `readonly: true` beside duckdb.path), or let this user write to it and its folder';
}
