import { dirname, isAbsolute } from 'node:path';
import type { TextReader } from '../files/file-ledger.js';
import { FileReadError } from '../files/file-read-error.js';
import { readTextFile } from '../files/read-text-file.js';
import { resolvePath } from '../home-path.js';
import { LastingReferenceError } from './reference-failure.js';
import type { ReferenceResolver } from './reference-resolver.js';

const MAX_SECRET_BYTES = 1024 * 1024;

export interface FileResolverOptions {
  /** The file that holds the references: relative paths begin at its folder. */
  readonly configFile: string;
  /** Where a relative path is looked for when it is not beside the configuration file. */
  readonly cwd: string;
  /** `readTextFile` unless given. */
  readonly read?: TextReader | undefined;
}

/** `file://path`: the text of the file without the white space around it. */
export function createFileResolver(options: FileResolverOptions): ReferenceResolver {
  const { read = readTextFile } = options;
  const readFile = (path: string, signal: AbortSignal) => read(path, { maxBytes: MAX_SECRET_BYTES, signal });
  return {
    scheme: 'file',
    resolve: async (path, signal) => {
      const text = await readFirst(candidates(path, options), (file) => readFile(file, signal));
      const value = text.trim();
      return {
        value,
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

async function readFirst(paths: readonly string[], read: (path: string) => Promise<string>): Promise<string> {
  for (const path of paths) {
    try {
      return await read(path);
    } catch (error) {
      if (!(error instanceof FileReadError)) throw error;
      if (!error.missing) throw new LastingReferenceError(`${path} ${error.message}`, { cause: error });
    }
  }
  throw new Error(
    `there is no file ${[...new Set(paths)].join(' or ')}; create it, or correct the reference`,
  );
}
