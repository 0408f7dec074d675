import { parseEnv } from 'node:util';
import { messageOf, problemsError, type Problem } from '../../errors/index.js';
import { FileReadError, readTextFile } from '../files/read-text-file.js';
import type { TextReader } from '../files/file-ledger.js';
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

/** Reads the env files anew. Throws `config_invalid` naming every one that cannot be read. */
export async function loadEnvironment(input: EnvironmentInput): Promise<EnvironmentView> {
  const { envFiles, env, signal, read = readTextFile } = input;
  const results = await Promise.allSettled(
    envFiles.map((file) => read(file, { maxBytes: MAX_ENV_FILE_BYTES, signal })),
  );
  const problems: Problem[] = [];
  const values = new Map<string, string>();
  for (const [index, result] of results.entries()) {
    const file = envFiles[index] ?? '';
    if (result.status === 'rejected')
      problems.push({ file, message: `the env file ${messageOf(result.reason)}` });
    else for (const [name, value] of Object.entries(parseEnv(result.value))) values.set(name, value ?? '');
  }
  if (problems.length > 0)
    throw problemsError(
      'config_invalid',
      'env files cannot be read; correct --env-file (MXCP_ENV_FILE) or put them there:',
      problems,
      areMissing(results) ? new EnvFilesMissing('env files are missing') : undefined,
    );
  return createEnvironmentView(values, env);
}

/** Whether all that is wrong is that files are not there. */
function areMissing(results: readonly PromiseSettledResult<string>[]): boolean {
  return results.every(
    (result) =>
      result.status === 'fulfilled' || (result.reason instanceof FileReadError && result.reason.missing),
  );
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
