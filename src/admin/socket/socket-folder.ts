import { constants } from 'node:fs';
import { access, chmod, chown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCodeOf, MxcpError } from '../../errors/index.js';
import { folderRefuses, type Environment } from './permission-error.js';

const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o002;

/**
 * Makes sure that the folder exists and is safe: creates what is missing (0700, or 0750 with the group), leaves what
 * exists as it is. Throws `socket_permission` and `socket_path_invalid`.
 */
export async function prepareFolder(
  folder: string,
  gid: number | undefined,
  environment: Environment,
): Promise<void> {
  try {
    await createMissing(folder, gid);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof MxcpError) throw error;
    throw folderRefuses(folder, error, environment);
  }
  const found = await stat(folder);
  if (!found.isDirectory()) {
    throw new MxcpError(
      'socket_path_invalid',
      `${folder} is not a folder, so no admin socket can be created in it`,
    );
  }
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0 && (found.mode & STICKY) === 0) {
    throw new MxcpError(
      'socket_permission',
      `every user can replace files in ${folder}, so the admin socket would not be safe there; run chmod o-w ${folder}, or choose another folder`,
    );
  }
}

async function createMissing(folder: string, gid: number | undefined): Promise<void> {
  if (await exists(folder)) return;
  await createMissing(dirname(folder), gid);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return; // another server of ours was quicker
    throw error;
  }
  if (gid === undefined) return;
  // The group first: opening the folder before would let the wrong group in.
  await chown(folder, -1, gid);
  await chmod(folder, 0o750);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
