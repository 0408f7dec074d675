import { dirname } from 'node:path';
import type { TextReader } from '../files/file-ledger.js';
import { FileReadError } from '../files/file-read-error.js';
import { resolvePath } from '../home-path.js';
import type { EnvironmentView } from './environment-view.js';

/** What the settings of a store are read with. */
export interface SettingsPlace {
  readonly environment: EnvironmentView;
  /** The user configuration: relative paths begin at its folder. */
  readonly configFile: string;
  readonly signal: AbortSignal;
  readonly read: TextReader;
}

const MAX_FILE_BYTES = 1024 * 1024;

/** The text of a file that the setting `key` names. Throws an error that names the key and the file. */
export async function readNamedFile(
  key: string,
  path: string | undefined,
  { configFile, signal, read }: SettingsPlace,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const file = resolvePath(dirname(configFile), path);
  try {
    return await read(file, { maxBytes: MAX_FILE_BYTES, signal });
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    throw new Error(`\`${key}\`: the file ${file} ${error.message}`, { cause: error });
  }
}
