import { messageOf, problemsError, type Problem } from '../../errors/index.js';
import { FileReadError } from '../files/file-read-error.js';
import { readTextFile } from '../files/read-text-file.js';
import type { TextReader } from '../files/file-ledger.js';
import { howMany } from '../invalid-config.js';
import { parseEnvFile } from './env-file.js';
import { EnvFilesMissing } from './reference-failure.js';
import type { Environment } from '../settings/setting-reader.js';

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
    // Whatever else is wrong, time alone does not mend it.
    const cause = missing === problems.length ? new EnvFilesMissing('env files are missing') : undefined;
    throw problemsError('config_invalid', `the env files have ${howMany(problems)}:`, problems, cause);
  }
  return createEnvironmentView(new Map(files.flatMap(({ values }) => [...values])), env);
}

function unreadable(file: string, reason: unknown): Problem {
  const mend = 'put a readable text file there, or correct --env-file (MXCP_ENV_FILE)';
  return { file, message: `the env file ${messageOf(reason)}; ${mend}` };
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
