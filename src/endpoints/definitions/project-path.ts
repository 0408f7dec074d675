import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { FileReadError } from '../../config/index.js';
import { errorCodeOf } from '../../errors/index.js';

/** A path as problems and listings show it: relative to the project, with forward slashes. */
export function toProjectPath(projectRoot: string, path: string): string {
  return relative(projectRoot, path).split(sep).join('/');
}

/** A path that an endpoint file names: relative to that file, or to the project when it begins with "/". */
export function resolveNamedFile(projectRoot: string, endpointFile: string, named: string): string {
  const fromRoot = isAbsolute(named) ? join('.', named) : join(dirname(endpointFile), named);
  return join(projectRoot, fromRoot);
}

/** Why a file cannot be read, as the end of a sentence about it. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof FileReadError) return error.message;
  const code = errorCodeOf(error) ?? 'unknown error';
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EISDIR') return 'is a folder';
  return code === 'EACCES' ? 'may not be read (permission denied)' : `cannot be read (${code})`;
}

/** The same for a file that a definition names. */
export function whyNamedUnreadable(error: unknown): string {
  const hint = '; paths are relative to the YAML file, or to the project when they begin with "/"';
  return `${whyUnreadable(error)}${errorCodeOf(error) === 'ENOENT' ? hint : ''}`;
}
