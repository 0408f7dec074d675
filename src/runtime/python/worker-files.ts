import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Beside this file, in the sources and in what is compiled; beside the folder of the bundled command otherwise. */
const FOLDERS = ['./worker/', '../runtime/python/worker/'];

/** The file that Python runs. */
export function findWorkerScript(): string {
  const candidates = FOLDERS.map((folder) =>
    fileURLToPath(new URL(`${folder}run_worker.py`, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`the Python files of mxcp are missing: ${candidates.join(', ')}`);
  return found;
}
