import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MxcpError } from '../../errors/index.js';

export const SITE_FILE_NAME = 'mxcp-site.yml';

/** Finds the folder that holds `mxcp-site.yml`: `cwd` or the nearest above it. Throws `project_not_found`. */
export function findProjectRoot(cwd: string): string {
  let folder = resolve(cwd);
  for (;;) {
    if (statSync(join(folder, SITE_FILE_NAME), { throwIfNoEntry: false }) !== undefined) return folder;
    const parent = dirname(folder);
    if (parent === folder) throw notFound(cwd);
    folder = parent;
  }
}

function notFound(cwd: string): MxcpError {
  return new MxcpError(
    'project_not_found',
    `no ${SITE_FILE_NAME} in ${cwd} or any folder above it; change to the folder of a project, or make one with \`mxcp init\``,
  );
}
