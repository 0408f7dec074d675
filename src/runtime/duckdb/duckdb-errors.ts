import { messageOf, MxcpError } from '../../errors/index.js';

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

/** What went wrong when a database file was opened, with the mend. DuckDB may know the file by another name. */
export function toOpenError(path: string, thrown: unknown, openedAs = path): MxcpError {
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
  const firstLine = message.split('\n', 1)[0] ?? message;
  return new MxcpError(
    'database_failed',
    `cannot open database ${path}: ${firstLine}; put a DuckDB database there, or change duckdb.path`,
    { cause: thrown },
  );
}
