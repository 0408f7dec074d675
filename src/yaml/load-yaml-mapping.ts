import { MxcpError, type Problem } from '../errors/index.js';
import { type FileLedger, FileReadError } from '../files/index.js';
import { deadlineIn } from '../lifecycle/index.js';
import { isMapping } from './schema-check.js';
import { parseYaml, type YamlSource } from './yaml-source.js';

const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Reading two small files takes no time; longer than this means a file system that hangs. */
const READ_TIMEOUT_MS = 10_000;

/** A file after reading, or everything that is wrong with it. Neither for one that need not be there. */
export interface ParsedFile {
  readonly source?: YamlSource;
  readonly problems: readonly Problem[];
}

export interface FileRole {
  /** What a person should do when the file is not there; `ignore` when it need not be. */
  readonly whenMissing: string;
  readonly ledger: FileLedger;
}

/** Reads one of the two configuration files. Throws `config_not_found` when it has to be there and is not. */
export async function loadYamlMapping(file: string, role: FileRole): Promise<ParsedFile> {
  const text = await readConfigFile(file, role);
  if (typeof text !== 'string') return { problems: text === undefined ? [] : [text] };
  const parsed = parseYaml(file, text);
  if (!parsed.ok) return { problems: parsed.problems };
  if (isMapping(parsed.source.value)) return { source: parsed.source, problems: [] };
  const message =
    parsed.source.value === null
      ? 'the file is empty; it needs at least `mxcp: 1`'
      : 'the file must be a mapping (`key: value` lines)';
  return { problems: [{ file, line: 1, column: 1, message }] };
}

/** The text, the problem with the file, or `undefined` for an optional file that is not there. */
async function readConfigFile(
  file: string,
  { whenMissing, ledger }: FileRole,
): Promise<string | Problem | undefined> {
  const deadline = deadlineIn(READ_TIMEOUT_MS);
  try {
    return await ledger.read(file, { maxBytes: MAX_FILE_BYTES, signal: deadline });
  } catch (error) {
    if (!(error instanceof FileReadError)) {
      return { file, message: `the file cannot be read: nothing came within ${READ_TIMEOUT_MS / 1000} s` };
    }
    if (!error.missing) return { file, message: `the file ${error.message}` };
    if (whenMissing === 'ignore') return undefined;
    throw new MxcpError('config_not_found', `the configuration file ${file} does not exist; ${whenMissing}`, {
      cause: error,
      problems: [{ file, message: `the file does not exist; ${whenMissing}` }],
    });
  } finally {
    deadline.dispose();
  }
}
