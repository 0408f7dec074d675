import { dirname, isAbsolute } from 'node:path';
import { FileReadError, readTextFile, type ReadTextFileOptions } from '../files/read-text-file.js';
import { resolvePath } from '../home-path.js';
import type { ReferenceResolver } from './reference-resolver.js';

const MAX_SECRET_BYTES = 1024 * 1024;

export interface FileResolverOptions {
  /** The file that holds the references: relative paths begin at its folder. */
  readonly configFile: string;
  /** Where a relative path is looked for when it is not beside the configuration file. */
  readonly cwd: string;
}

/** `file://path`: the text of the file without the white space around it. */
export function createFileResolver(options: FileResolverOptions): ReferenceResolver {
  return {
    scheme: 'file',
    resolve: async (path, signal) => {
      const text = await readFirst(candidates(path, options), { maxBytes: MAX_SECRET_BYTES, signal });
      const value = text.trim();
      return {
        value,
        version: null,
        source: 'file',
        warning: value === '' ? 'the file is empty' : undefined,
      };
    },
  };
}

function candidates(path: string, { configFile, cwd }: FileResolverOptions): readonly string[] {
  const besideConfig = resolvePath(dirname(configFile), path);
  return isAbsolute(path) || path.startsWith('~') ? [besideConfig] : [besideConfig, resolvePath(cwd, path)];
}

async function readFirst(paths: readonly string[], options: ReadTextFileOptions): Promise<string> {
  for (const path of paths) {
    try {
      return await readTextFile(path, options);
    } catch (error) {
      if (!(error instanceof FileReadError)) throw error;
      if (!error.missing) throw new Error(`${path} ${error.message}`, { cause: error });
    }
  }
  throw new Error(
    `there is no file ${[...new Set(paths)].join(' or ')}; create it, or correct the reference`,
  );
}
