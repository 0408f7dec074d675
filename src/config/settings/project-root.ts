import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isMissing, MxcpError } from '../../errors/index.js';

export const SITE_FILE_NAME = 'mxcp-site.yml';

/** Finds the folder that holds `mxcp-site.yml`: `cwd` or the nearest above it. Throws `project_not_found`. */
export function findProjectRoot(cwd: string): string {
  const unknown: string[] = [];
  let folder = resolve(cwd);
  for (;;) {
    const found = lookIn(folder);
    if (found === 'there') return folder;
    if (found === 'unknown') unknown.push(folder);
    const parent = dirname(folder);
    if (parent === folder) throw notFound(cwd, unknown);
    folder = parent;
  }
}

function lookIn(folder: string): 'there' | 'missing' | 'unknown' {
  try {
    statSync(join(folder, SITE_FILE_NAME));
    return 'there';
  } catch (error) {
    // A folder that this user may not look into may still lie within a project.
    return isMissing(error) ? 'missing' : 'unknown';
  }
}

function notFound(cwd: string, unknown: readonly string[]): MxcpError {
  const doubt = unknown.length === 0 ? '' : ` (${unknown.join(', ')} cannot be looked into)`;
  return new MxcpError(
    'project_not_found',
    `no ${SITE_FILE_NAME} in ${cwd} or any folder above it${doubt}; change to the folder of a project, or make one with \`mxcp init\``,
  );
}
