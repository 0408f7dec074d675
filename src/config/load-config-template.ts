import type { z } from 'zod';
import { MxcpError, problemsError, type Problem } from '../errors/index.js';
import { deadlineIn } from '../lifecycle/index.js';
import type { ConfigTemplate } from './config-template.js';
import { FileLedger } from './files/file-ledger.js';
import { FileReadError } from './files/read-text-file.js';
import { parseYaml, type KeyPath, type YamlSource } from './files/yaml-source.js';
import { findReferences, type ReferenceUse } from './references/reference-uses.js';
import type { ResolvedConfig } from './resolved-config.js';
import { toPaths } from './resolve/to-parts.js';
import { checkSchema } from './schema/check-schema.js';
import { isMapping } from './schema/conform.js';
import { siteSchema } from './schema/site-schema.js';
import { userSchema } from './schema/user-schema.js';
import type { ServerSettings } from './settings/server-settings.js';

const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Reading two small files takes no time; longer than this means a file system that hangs. */
const READ_TIMEOUT_MS = 10_000;

/** One of the two files after reading, or everything that is wrong with it. */
type Loaded<T> = { readonly value: T; readonly problems: readonly Problem[] };

/**
 * Reads `mxcp-site.yml` and the user configuration. Throws `config_not_found` when a named file is missing, and
 * `config_invalid` with every problem of both files at once.
 */
export async function loadConfigTemplate(
  settings: ServerSettings,
  addedSchemes: readonly string[] = [],
): Promise<ConfigTemplate> {
  const ledger = new FileLedger();
  const [site, user] = await Promise.all([
    loadSiteFile(settings, ledger),
    loadUserFile(settings, { ledger, addedSchemes }),
  ]);
  const problems = [...site.problems, ...user.problems];
  if (problems.length > 0 || site.value === undefined) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    throw problemsError('config_invalid', `the configuration has ${count}:`, problems);
  }
  return { ...site.value, ...user.value, readFiles: ledger.files };
}

/** Where a project's endpoints are. Throws `config_not_found`, and `config_invalid` when the site file itself has problems. */
export async function loadEndpointFolders(
  settings: ServerSettings,
): Promise<
  Pick<ResolvedConfig, 'projectRoot' | 'paths'> & { readonly sqlTools: { readonly enabled: boolean } }
> {
  const { value, problems } = await loadSiteFile(settings, new FileLedger());
  if (value === undefined) throw problemsError('config_invalid', 'the configuration has problems:', problems);
  const { site } = value;
  return {
    projectRoot: settings.projectRoot,
    paths: toPaths(site, settings.projectRoot),
    sqlTools: { enabled: settings.sqlTools ?? site.sql_tools.enabled },
  };
}

type SitePart = Pick<ConfigTemplate, 'site' | 'siteSource'>;
type UserPart = Pick<ConfigTemplate, 'userSource' | 'references'>;

async function loadSiteFile(
  settings: ServerSettings,
  ledger: FileLedger,
): Promise<Loaded<SitePart | undefined>> {
  const parsed = await loadYamlMapping(settings.siteFile, { whenMissing: 'put it back', ledger });
  if (parsed.source === undefined) return { value: undefined, problems: parsed.problems };
  const source = parsed.source;
  const check = checkSchema({ schema: siteSchema, source, value: source.value });
  if (!check.ok) return { value: undefined, problems: check.problems };
  return { value: { site: check.value, siteSource: source }, problems: [] };
}

async function loadUserFile(
  settings: ServerSettings,
  { ledger, addedSchemes }: { readonly ledger: FileLedger; readonly addedSchemes: readonly string[] },
): Promise<Loaded<UserPart>> {
  const parsed = await loadYamlMapping(settings.userConfigFile, {
    whenMissing: settings.userConfigNamed ? 'create it, or correct MXCP_CONFIG' : 'ignore',
    ledger,
  });
  const source = parsed.source;
  if (source === undefined) {
    return { value: { userSource: undefined, references: [] }, problems: parsed.problems };
  }
  const { uses, problems } = findReferences(source, addedSchemes);
  const check = checkSchema({
    schema: userSchema satisfies z.ZodType,
    source,
    value: source.value,
    isUnresolved: isOneOf(uses),
  });
  return {
    value: { userSource: source, references: uses },
    problems: [...problems, ...(check.ok ? [] : check.problems)],
  };
}

function isOneOf(uses: readonly ReferenceUse[]): (path: KeyPath) => boolean {
  const paths = new Set(uses.map((use) => JSON.stringify(use.path)));
  return (path) => paths.has(JSON.stringify(path));
}

interface ParsedFile {
  readonly source?: YamlSource;
  readonly problems: readonly Problem[];
}

interface FileRole {
  /** What a person should do when the file is not there; `ignore` when it need not be. */
  readonly whenMissing: string;
  readonly ledger: FileLedger;
}

async function loadYamlMapping(file: string, role: FileRole): Promise<ParsedFile> {
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
    });
  } finally {
    deadline.dispose();
  }
}
