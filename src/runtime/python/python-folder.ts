import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { DiskReader, FileReadError } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';

/**
 * Whether anything in a folder would be imported: names that begin with `_` are only for other files. A missing folder has
 * none. Throws `python_failed` when this cannot be told.
 */
export function hasPythonFiles(folder: string): Promise<boolean> {
  return holdsPythonFiles(folder, new DiskReader());
}

async function holdsPythonFiles(folder: string, disk: DiskReader): Promise<boolean> {
  for (const entry of await listCodeFolder(folder, disk)) {
    if (entry.name.endsWith('.py') && !entry.name.startsWith('_')) return true;
    if (entry.isDirectory() && (await holdsPythonFiles(join(folder, entry.name), disk))) return true;
  }
  return false;
}

/** What is in a folder whose code is imported; nothing when it is missing. Throws `python_failed`. */
export async function listCodeFolder(folder: string, disk: DiskReader): Promise<readonly Dirent[]> {
  try {
    return await disk.listFolder(folder);
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    if (error.missing) return [];
    throw codeNotReadable(folder, error);
  }
}

export function codeNotReadable(folder: string, error: FileReadError): MxcpError {
  const mend = '; let this user read it (chmod u+rx, chown), or move it out of the project';
  const message = `the folder ${folder} ${error.message}${error.isRefused ? mend : ''}`;
  return new MxcpError('python_failed', message, { cause: error, problems: [{ file: folder, message }] });
}
