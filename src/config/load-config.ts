import type { z } from 'zod';
import { invalidConfig, type Problem } from '../errors/index.js';
import { DiskReader, FileLedger, FileReadError, type ReadFile, resolvePath } from '../files/index.js';
import { findReferences, type ReferenceUse } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { checkSchema, type KeyPath, loadYamlMapping, type YamlSource } from '../yaml/index.js';
import type { ResolvedConfig } from './resolved-config.js';
import { type SiteConfig, siteSchema } from './site-schema.js';
import { userSchema } from './user-schema.js';

type SitePart = Pick<ConfigTemplate, 'site' | 'siteSource'>;
type UserPart = Pick<ConfigTemplate, 'userSource' | 'references'>;

/** One of the two files after reading, and everything that is wrong with it. */
interface Loaded<T> {
  readonly value: T;
  readonly problems: readonly Problem[];
}

export interface LoadTemplateOptions {
  /** Of the stores that were added. */
  readonly addedSchemes?: readonly string[] | undefined;
  /** What serves now: a file that it was read from has to be there still. */
  readonly running?: Pick<ResolvedConfig, 'configFiles'> | undefined;
}

/**
 * Reads `mxcp-site.yml` and the user configuration. Throws `config_not_found` when a file that was named, or that serves, is missing, and
 * `config_invalid` with every problem of both files at once, unless all of them are within the values of the user
 * configuration: these the template keeps, for whoever resolves it to tell them with the references that have no value.
 */
export async function loadConfigTemplate(
  settings: ServerSettings,
  options: LoadTemplateOptions = {},
): Promise<ConfigTemplate> {
  const ledger = new FileLedger();
  const [site, user] = await Promise.all([
    loadSiteFile(settings, ledger),
    loadUserFile(settings, { ledger, ...options }),
  ]);
  const canResolve = site.problems.length === 0 && user.value.userSource !== undefined;
  if (site.value === undefined || (!canResolve && site.problems.length + user.problems.length > 0))
    throw invalidConfig([...site.problems, ...user.problems]);
  return { ...site.value, ...user.value, userProblems: user.problems, readFiles: ledger.files };
}

async function loadSiteFile(
  settings: ServerSettings,
  ledger: FileLedger,
): Promise<Loaded<SitePart | undefined>> {
  const parsed = await loadYamlMapping(settings.siteFile, { whenMissing: 'put it back', ledger });
  if (parsed.source === undefined) return { value: undefined, problems: parsed.problems };
  const source = parsed.source;
  const check = checkSchema({ schema: siteSchema, source, value: source.value });
  if (!check.ok) return { value: undefined, problems: check.problems };
  const part = { site: check.value, siteSource: source };
  return { value: part, problems: await findMissingFolders(part, settings.projectRoot) };
}

async function loadUserFile(
  settings: ServerSettings,
  { ledger, addedSchemes, running }: LoadTemplateOptions & { readonly ledger: FileLedger },
): Promise<Loaded<UserPart>> {
  const whenMissing = whenUserFileMissing(settings, running);
  const parsed = await loadYamlMapping(settings.userConfigFile, { whenMissing, ledger });
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

function whenUserFileMissing(
  { userConfigNamed, userConfigFile }: ServerSettings,
  running: LoadTemplateOptions['running'],
): string {
  if (userConfigNamed) return 'create it, or correct MXCP_CONFIG';
  // Going on without it would take every secret away from a server that still needs them.
  return running?.configFiles.includes(userConfigFile) === true
    ? 'what serves was read from it: put it back, or restart to serve without it'
    : 'ignore';
}

function isOneOf(uses: readonly ReferenceUse[]): (path: KeyPath) => boolean {
  const paths = new Set(uses.map((use) => JSON.stringify(use.path)));
  return (path) => paths.has(JSON.stringify(path));
}

/** Both files, read and checked, with references still references. It remembers where everything stands. */
export interface ConfigTemplate {
  readonly site: SiteConfig;
  readonly siteSource: YamlSource;
  /** `undefined` when the user has no configuration file, which is fine. */
  readonly userSource: YamlSource | undefined;
  /** Every reference of the user file, of all profiles. */
  readonly references: readonly ReferenceUse[];
  /** What is wrong with the values of the user file. Only a template that has none can be resolved. */
  readonly userProblems: readonly Problem[];
  /** Both files as they were when they were read, a missing one too. */
  readonly readFiles: readonly ReadFile[];
}

/** The folders that something is read from; the others are made when they are needed. */
const READ_FOLDERS = ['tools', 'resources', 'prompts', 'python'] as const;

/**
 * A folder that somebody named has to be there, or a slip in its name is a server without endpoints. Those that have the
 * name they have anyway need not be: few projects have every kind.
 */
export async function findMissingFolders(
  { site, siteSource }: Pick<ConfigTemplate, 'site' | 'siteSource'>,
  projectRoot: string,
): Promise<readonly Problem[]> {
  const disk = new DiskReader();
  const problems = READ_FOLDERS.map(async (key): Promise<Problem[]> => {
    const folder = resolvePath(projectRoot, site.paths[key]);
    const wrong = await whyNoFolder(folder, disk);
    if (wrong === undefined || (wrong === 'does not exist' && site.paths[key] === key)) return [];
    const path = ['paths', key];
    const message = `\`${path.join('.')}\`: the folder ${folder} ${wrong}; create it, or correct the name`;
    return [{ ...siteSource.positionOf(path), path: path.join('.'), message }];
  });
  return (await Promise.all(problems)).flat();
}

async function whyNoFolder(
  path: string,
  disk: DiskReader,
): Promise<'does not exist' | 'is not a folder' | undefined> {
  try {
    return (await disk.stat(path)).isDirectory() ? undefined : 'is not a folder';
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    // What cannot be looked at is told by whoever reads from it.
    return error.missing ? 'does not exist' : undefined;
  }
}
