import type { z } from 'zod';
import type { Problem } from '../errors/index.js';
import type { ConfigTemplate } from './config-template.js';
import { FileLedger } from './files/file-ledger.js';
import { loadYamlMapping } from './files/load-yaml-mapping.js';
import type { KeyPath } from './yaml/yaml-source.js';
import { findMissingFolders } from './find-missing-folders.js';
import { invalidConfig } from './invalid-config.js';
import { findReferences, type ReferenceUse } from './references/reference-uses.js';
import type { ResolvedConfig } from './resolved-config.js';
import { checkSchema } from './schema/check-schema.js';
import { siteSchema } from './schema/site-schema.js';
import { userSchema } from './schema/user-schema.js';
import type { ServerSettings } from './settings/server-settings.js';

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
