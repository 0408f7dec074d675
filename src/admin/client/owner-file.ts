import { readFileSync, rmSync, statSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCodeOf, isMissing } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';

/**
 * What a server writes beside its read-write database, which no other process can open meanwhile: how other commands of the
 * same user reach it. Its mode is 0600, so its token shows that a request comes from that user or from root, even if others
 * may use the socket.
 */
export interface OwnerFile {
  readonly pid: number;
  /** Absolute path of the admin socket. */
  readonly socket: string;
  readonly token: string;
}

export function ownerFilePath(databasePath: string): string {
  return join(dirname(databasePath), `.${basename(databasePath)}.mxcp-owner`);
}

/**
 * Writes the owner file of a database that this process has open, in place of one that a killed server has left. Its owner
 * disposes it before the database is closed. Throws what writing a file throws.
 */
export async function writeOwnerFile(databasePath: string, contents: OwnerFile): Promise<Disposable> {
  const path = ownerFilePath(databasePath);
  const temporary = `${path}-${process.pid}`;
  try {
    await rm(temporary, { force: true });
    // `wx` follows no link that another user of the folder may have put there.
    await writeFile(temporary, `${JSON.stringify(contents)}\n`, { flag: 'wx', mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { dispose: () => rmSync(path, { force: true }) };
}

/**
 * Reads the owner file of a database. Undefined if there is none, if this user may not read it, or if another user wrote it: a
 * token and statements must not be sent to a socket that anybody else named. Throws what reading a file throws otherwise.
 */
export function readOwnerFile(databasePath: string): OwnerFile | undefined {
  const path = ownerFilePath(databasePath);
  try {
    const { uid } = statSync(path);
    const isTrusted = uid === process.getuid?.() || uid === 0 || process.getuid?.() === 0;
    return isTrusted ? parseOwnerFile(readFileSync(path, 'utf8')) : undefined;
  } catch (error) {
    if (isMissing(error) || ['EACCES', 'EPERM'].includes(errorCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Undefined for a file that another version wrote, or that was cut off. */
function parseOwnerFile(text: string): OwnerFile | undefined {
  try {
    const { pid, socket, token }: Partial<OwnerFile> = JSON.parse(text);
    if (typeof pid !== 'number' || typeof socket !== 'string' || typeof token !== 'string') return undefined;
    return { pid, socket, token };
  } catch {
    return undefined;
  }
}
