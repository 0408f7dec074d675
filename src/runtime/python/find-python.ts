import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';

/** The interpreter that runs a project: the one that was chosen, else the one of its `.venv`, else the one in `PATH`. */
export async function findPython(projectRoot: string, chosen: string | undefined): Promise<string> {
  if (chosen !== undefined) return chosen;
  const own = join(projectRoot, '.venv/bin/python');
  try {
    await access(own, constants.X_OK);
    return own;
  } catch {
    // The project has no environment of its own.
    return 'python3';
  }
}
