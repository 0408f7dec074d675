import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { FileReadError } from '../../config/index.js';

/** A path as problems and listings show it: relative to the project, with forward slashes. */
export function toProjectPath(projectRoot: string, path: string): string {
  return relative(projectRoot, path).split(sep).join('/');
}

/** A path that an endpoint file names: relative to that file, or to the project when it begins with "/". */
export function resolveNamedFile(projectRoot: string, endpointFile: string, named: string): string {
  const fromRoot = isAbsolute(named) ? join('.', named) : join(dirname(endpointFile), named);
  return join(projectRoot, fromRoot);
}

/** Why a file that a definition names cannot be read, as the end of a sentence about it. */
export function whyNamedUnreadable({ message, missing }: FileReadError): string {
  const hint = '; paths are relative to the YAML file, or to the project when they begin with "/"';
  return `${message}${missing ? hint : ''}`;
}
