import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCodeOf } from '../../errors/index.js';

/**
 * Creates a folder and those around it that are missing, and tells the first one that it created. `recursive` of Node
 * never comes to an end, on a whole processor, where a folder that is there takes no other, as in `/proc` (Node 20.20).
 */
export async function createFolder(path: string): Promise<string | undefined> {
  const folder = resolve(path);
  try {
    return await createOne(folder);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error;
  }
  const first = await createFolder(dirname(folder));
  // Once: what is still missing now does not come by trying again.
  const created = await createOne(folder);
  return first ?? created;
}

/** Undefined when it is there. */
async function createOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return undefined;
    throw error;
  }
}
