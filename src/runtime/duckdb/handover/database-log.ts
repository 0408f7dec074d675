import { rename, stat } from 'node:fs/promises';
import { isMissing } from '../../../errors/index.js';

/** What DuckDB 1.5.6 keeps beside a file under its name: the log, and two that a checkpoint in progress leaves at a kill. */
const SUFFIXES = ['.wal', '.wal.checkpoint', '.wal.recovery'];

/** Whether there are rows beside the file that are not in it yet. */
export async function hasLog(database: string): Promise<boolean> {
  for (const suffix of SUFFIXES) {
    if (await exists(`${database}${suffix}`)) return true;
  }
  return false;
}

/** Makes the log beside one name that of another, where there is one. */
export async function moveLog(from: string, to: string): Promise<void> {
  for (const suffix of SUFFIXES) {
    if (await exists(`${from}${suffix}`)) await rename(`${from}${suffix}`, `${to}${suffix}`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
