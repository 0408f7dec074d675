import { dirname, isAbsolute } from 'node:path';
import { howMany, messageOf, type Problem, problemsError } from '../../errors/index.js';
import { FileReadError, readTextFile, resolvePath, type TextReader } from '../../files/index.js';
import type { Environment } from '../../settings/index.js';
import { parseEnvFile } from './env-file.js';
import { parseReference } from './reference-grammar.js';
import { EnvFilesMissing, PermanentReferenceError, type ReferenceResolver } from './resolve-references.js';

const MAX_ENV_FILE_BYTES = 1024 * 1024;

/** What `${NAME}` sees at one moment: the env files, later ones first, then the environment of the process. */
export interface EnvironmentView {
  lookup(name: string): { readonly value: string; readonly source: 'env_file' | 'process_env' } | undefined;
  /** Every name and value, as a child process should get them. */
  toEnvironment(): Environment;
}

export interface EnvironmentInput {
  readonly envFiles: readonly string[];
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** `readTextFile` unless given. */
  readonly read?: TextReader | undefined;
}

/** Reads the env files anew. Throws `config_invalid` naming every one that cannot be read, and every line that is none. */
export async function loadEnvironment(input: EnvironmentInput): Promise<EnvironmentView> {
  const { envFiles, env, signal, read = readTextFile } = input;
  const results = await Promise.allSettled(
    envFiles.map((file) => read(file, { maxBytes: MAX_ENV_FILE_BYTES, signal })),
  );
  const files = results.map((result, index) => {
    const file = envFiles[index] ?? '';
    return result.status === 'fulfilled'
      ? parseEnvFile(file, result.value)
      : { values: new Map<string, string>(), problems: [unreadable(file, result.reason)] };
  });
  const problems = files.flatMap((file) => file.problems);
  if (problems.length > 0) {
    const missing = results.filter(isMissingFile).length;
    // Any other problem needs a change to a file.
    const cause = missing === problems.length ? new EnvFilesMissing('env files are missing') : undefined;
    throw problemsError('config_invalid', `the env files have ${howMany(problems)}:`, problems, cause);
  }
  return createEnvironmentView(new Map(files.flatMap(({ values }) => [...values])), env);
}

function unreadable(file: string, reason: unknown): Problem {
  const remedy = 'put a readable text file there, or correct --env-file (MXCP_ENV_FILE)';
  return { file, message: `the env file ${messageOf(reason)}; ${remedy}` };
}

function isMissingFile(result: PromiseSettledResult<string>): boolean {
  return result.status === 'rejected' && result.reason instanceof FileReadError && result.reason.missing;
}

function createEnvironmentView(fromFiles: ReadonlyMap<string, string>, env: Environment): EnvironmentView {
  return {
    lookup: (name) => {
      const fromFile = fromFiles.get(name);
      if (fromFile !== undefined) return { value: fromFile, source: 'env_file' };
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      return value === undefined ? undefined : { value, source: 'process_env' };
    },
    toEnvironment: () => ({ ...env, ...Object.fromEntries(fromFiles) }),
  };
}

/** `${NAME}`, looked up in a view that was read for this resolve. */
export function createEnvResolver(view: EnvironmentView, envFiles: readonly string[]): ReferenceResolver {
  const places = envFiles.length === 0 ? 'the environment' : 'the environment or in an env file';
  return {
    scheme: 'env',
    resolve: async (name) => {
      const found = view.lookup(name);
      if (found === undefined) {
        const reason = `not set in ${places}; set it, or give it a default with \`\${${name}:-…}\``;
        // The environment of a running process cannot change.
        throw envFiles.length === 0 ? new PermanentReferenceError(reason) : new Error(reason);
      }
      const isNested = parseReference(found.value) !== undefined;
      return isNested ? { ...found, warning: 'the value looks like a reference, and is used as it is' } : found;
    },
  };
}

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
      return { value, source: 'file', warning: value === '' ? 'the file is empty' : undefined };
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
      if (!error.missing) throw new PermanentReferenceError(`${path} ${error.message}`, { cause: error });
    }
  }
  throw new Error(`there is no file ${[...new Set(paths)].join(' or ')}; create it, or correct the reference`);
}
