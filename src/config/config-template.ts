import type { z } from 'zod';
import { invalidConfig, keySuggestion, MxcpError, nearestName, type Problem } from '../errors/index.js';
import { DiskReader, FileLedger, FileReadError, type ReadFile, resolvePath } from '../files/index.js';
import { parseDuration } from '../lifecycle/index.js';
import { findReferences, type ReferenceUse, refuseReferences, type SuspectText } from '../secrets/index.js';
import { type ServerSettings, type Setting, SETTINGS } from '../settings/index.js';
import { checkSchema, isMapping, type KeyPath, loadYamlMapping, toDotted, type YamlSource } from '../yaml/index.js';
import { type cacheSchema, type DeclaredCache, type Icon, readIcons } from './presentation.js';
import { keyAt, type SiteConfig, siteSchema, userSchema } from './schema.js';

/** Both files, read and checked, with their references not resolved, and with the positions of all values. */
export interface ConfigTemplate {
  readonly settings: ServerSettings;
  readonly site: SiteConfig;
  readonly siteSource: YamlSource;
  /** Of the server, as clients get them. */
  readonly icons: readonly Icon[];
  /** `undefined` if there is no user configuration, which is fine. */
  readonly userSource: YamlSource | undefined;
  /** Every reference of the user configuration, of all profiles. */
  readonly references: readonly ReferenceUse[];
  /** Every text of it that only looks like a reference, of all profiles. */
  readonly suspects: readonly SuspectText[];
  /** What is wrong with the values of the user configuration. A template with problems cannot be resolved. */
  readonly userProblems: readonly Problem[];
  /** Both files as they were when they were read, including a missing one. */
  readonly readFiles: readonly ReadFile[];
}

/** A template and the profile of it that is resolved. */
export interface ActiveTemplate extends ConfigTemplate {
  readonly project: string;
  readonly profile: string;
}

export interface LoadTemplateOptions {
  /** The schemes of added stores. */
  readonly addedSchemes?: readonly string[] | undefined;
  /** The active configuration: the files that it was read from must still exist. */
  readonly running?: { readonly configFiles: readonly string[] } | undefined;
}

/**
 * Reads `mxcp-site.yml` and the user configuration. Throws `config_not_found` if a file is missing that was named or that the
 * active configuration was read from, and `config_invalid` with all problems of both files. Only if all problems are in values
 * of the user configuration, they stay in the template: resolving it reports them together with unresolved references.
 */
export async function loadConfigTemplate(
  settings: ServerSettings,
  options: LoadTemplateOptions = {},
): Promise<ConfigTemplate> {
  const ledger = new FileLedger();
  const [site, user] = await Promise.all([loadSiteFile(settings, ledger), loadUserFile(settings, ledger, options)]);
  if (site.site === undefined) throw invalidConfig([...site.siteProblems, ...user.userProblems]);
  const { siteProblems, ...checked } = site;
  const canResolve = siteProblems.length === 0 && user.userSource !== undefined;
  const problems = [...siteProblems, ...user.userProblems];
  if (problems.length > 0 && !canResolve) throw invalidConfig(problems);
  return { settings, ...checked, ...user, readFiles: ledger.files };
}

async function loadSiteFile(settings: ServerSettings, ledger: FileLedger) {
  const { source, problems } = await loadYamlMapping(settings.siteFile, { whenMissing: 'put it back', ledger });
  if (source === undefined) return { siteProblems: problems };
  const check = checkSchema({ schema: siteSchema, source, value: source.value });
  if (!check.ok) return { siteProblems: check.problems };
  const texts = refuseReferences(source, whyNoReference).filter(({ path = '' }) => !path.endsWith('.description'));
  const folders = await findMissingFolders(check.value.paths, source, settings.projectRoot);
  const { icons, problems: images } = await loadIcons(check.value, source, settings.projectRoot);
  return { site: check.value, siteSource: source, icons, siteProblems: [...texts, ...folders, ...images] };
}

/** What clients show of a server, and tell their models about it. */
export function toPresentation({
  site: { title, description, instructions, website_url: websiteUrl },
  icons,
}: Pick<ConfigTemplate, 'icons'> & {
  readonly site: Pick<SiteConfig, 'title' | 'description' | 'instructions' | 'website_url'>;
}) {
  return { title, description, instructions, websiteUrl, icons };
}

export function toCacheRule({ ttl, scope }: z.output<typeof cacheSchema>): DeclaredCache {
  return { ttlMs: Math.round(parseDuration(String(ttl)) ?? 0), scope };
}

export async function loadIcons(
  { icons: written }: Pick<SiteConfig, 'icons'>,
  source: YamlSource,
  projectRoot: string,
) {
  if (written.length === 0) return { icons: [], problems: [] };
  const disk = new DiskReader();
  const read = (path: string, maxBytes: number) => disk.readFile(path, maxBytes);
  const { icons, findings } = await readIcons(written, { projectRoot, folder: '', read });
  const problems = findings.map(({ index, message }): Problem => {
    const path = ['icons', index];
    return { ...source.positionOf(path), path: toDotted(path), message: `\`${toDotted(path)}\`: ${message}` };
  });
  return { icons, problems };
}

/** The site file is the same everywhere, so what differs between machines comes from an option or a variable. */
function whyNoReference(path: KeyPath): string {
  const name = keyAt(siteSchema, path.map(String))?.setting;
  const setting: Setting<unknown> | undefined = name && SETTINGS[name];
  const variable = setting?.variable === undefined ? '' : `, or set ${setting.variable}`;
  return `mxcp-site.yml has no references and no variables; write the value itself${variable}`;
}

async function loadUserFile(
  settings: ServerSettings,
  ledger: FileLedger,
  { addedSchemes, running }: LoadTemplateOptions,
): Promise<Pick<ConfigTemplate, 'userSource' | 'references' | 'suspects' | 'userProblems'>> {
  const whenMissing = whenUserFileMissing(settings, running);
  const { source, problems } = await loadYamlMapping(settings.userConfigFile, { whenMissing, ledger });
  if (source === undefined) return { userSource: undefined, references: [], suspects: [], userProblems: problems };
  const found = findReferences(source, addedSchemes);
  const unresolved = new Set(found.uses.map((use) => JSON.stringify(use.path)));
  const check = checkSchema({
    schema: userSchema,
    source,
    value: source.value,
    isUnresolved: (path) => unresolved.has(JSON.stringify(path)),
  });
  const mapped = findMappedSecrets(source);
  const isMapped = ({ path = '' }: Problem) => mapped.some((problem) => path.startsWith(`${problem.path}[`));
  const others = check.ok ? [] : check.problems.filter((problem) => !isMapped(problem));
  const userProblems = [...found.problems, ...mapped, ...others];
  return { userSource: source, references: found.uses, suspects: found.suspects, userProblems };
}

/** Finds lists of secrets that are written as mappings by name, which the schema would report as secrets without a name. */
function findMappedSecrets(source: YamlSource): readonly Problem[] {
  const below = (value: unknown, key: string) =>
    isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  const entriesOf = (value: unknown) => Object.entries(isMapping(value) ? value : {});
  return entriesOf(below(source.value, 'projects')).flatMap(([project, settings]) =>
    entriesOf(below(settings, 'profiles')).flatMap(([profile, value]): Problem[] => {
      const secrets = below(value, 'secrets');
      const [name] = [secrets]
        .flat()
        .flatMap((entry) => (isMapping(entry) && isNamedBySecret(entry) ? Object.keys(entry) : []));
      if (name === undefined) return [];
      const path = ['projects', project, 'profiles', profile, 'secrets'];
      const message = `\`${toDotted(path)}\` must be a list; write the secret as \`- name: ${name}\`, with \`type\` and \`parameters\` below the name`;
      return [{ ...source.positionOfKey(path), path: toDotted(path), message }];
    }),
  );
}

function isNamedBySecret(entry: Readonly<Record<string, unknown>>): boolean {
  const values = Object.values(entry);
  return values.length > 0 && !Object.hasOwn(entry, 'name') && !Object.hasOwn(entry, 'type') && values.every(isMapping);
}

function whenUserFileMissing(
  { userConfigNamed, userConfigFile }: ServerSettings,
  running: LoadTemplateOptions['running'],
): string {
  if (userConfigNamed) return 'create it, or correct --config (MXCP_CONFIG)';
  // A reload without it would take all secrets away from a server that still needs them.
  return running?.configFiles.includes(userConfigFile) === true
    ? 'the active configuration was read from it: put it back, or restart to run without it'
    : 'ignore';
}

/** The folders that the server reads; the others are created when they are needed. */
const READ_FOLDERS = ['tools', 'resources', 'prompts', 'python'] as const;

/**
 * A folder with another name than the default must exist, or a typing error would mean a server without endpoints. Folders
 * with their default names may be missing, because few projects have every kind of endpoint.
 */
async function findMissingFolders(
  paths: SiteConfig['paths'],
  source: YamlSource,
  projectRoot: string,
): Promise<readonly Problem[]> {
  const disk = new DiskReader();
  const problems = READ_FOLDERS.map(async (key): Promise<Problem[]> => {
    const folder = resolvePath(projectRoot, paths[key]);
    const reason = await whyNoFolder(folder, disk);
    if (reason === undefined || (reason === 'does not exist' && paths[key] === key)) return [];
    const path = `paths.${key}`;
    const message = `\`${path}\`: the folder ${folder} ${reason}; create it, or correct the name`;
    return [{ ...source.positionOf(['paths', key]), path, message }];
  });
  return (await Promise.all(problems)).flat();
}

async function whyNoFolder(path: string, disk: DiskReader): Promise<string | undefined> {
  try {
    return (await disk.stat(path)).isDirectory() ? undefined : 'is not a folder';
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    // Reading the endpoints reports any other failure.
    return error.missing ? 'does not exist' : undefined;
  }
}

type RunningProfile = Pick<ActiveTemplate, 'project' | 'profile'> & { readonly secrets: readonly unknown[] };

/**
 * Chooses the profile to resolve: of a reload, that of the active configuration; of a start, that of the option, the variable or
 * the site file, in this order. Throws `profile_unknown`.
 */
export function chooseProfile(template: ConfigTemplate, previous: RunningProfile | undefined): ActiveTemplate {
  const active = {
    ...template,
    project: template.site.project,
    profile: template.settings.profile ?? template.site.profile,
  };
  if (previous === undefined) return assertKnown(active);
  const { project, profile } = previous;
  const isMoved = active.project !== project || active.profile !== profile;
  // Otherwise the reload would take all secrets away from a server that still needs them.
  if (isMoved && previous.secrets.length > 0 && !userProfiles(template, project).includes(profile))
    throw new MxcpError(
      'profile_unknown',
      `the user configuration no longer has the profile \`${profile}\` of project \`${project}\`, which is active; put it back, or restart to use what the files say now`,
    );
  return assertKnown({ ...active, project, profile });
}

/** The profile that the site file names need not be in either file: it then runs on defaults. */
function assertKnown(active: ActiveTemplate): ActiveTemplate {
  const { settings, project, profile } = active;
  const known = profileNames(active, project);
  if (known.includes(profile)) return active;
  throw new MxcpError(
    'profile_unknown',
    `the profile \`${profile}\` (${settings.namedBy.profile ?? 'active'}) is in neither configuration file; known profiles are ${known.join(', ')}${keySuggestion(profile, known)}`,
  );
}

export function profileNames(template: ConfigTemplate, project: string): readonly string[] {
  const { profiles, profile } = template.site;
  return [...new Set([...Object.keys(profiles), ...userProfiles(template, project), profile])].sort();
}

/** The profiles of a project in the user configuration. */
export function userProfiles({ userSource }: ConfigTemplate, project: string): readonly string[] {
  const profiles = ['projects', project, 'profiles'].reduce<unknown>(
    (value, key) => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    userSource?.value,
  );
  return isMapping(profiles) ? Object.keys(profiles) : [];
}

/** If the site file names a profile that neither file has: the known one that was most likely meant. */
export function likelyProfile(template: ConfigTemplate): string | undefined {
  const { profile, project, profiles } = template.site;
  const names = [...Object.keys(profiles), ...userProfiles(template, project)];
  return names.includes(profile) ? undefined : nearestName(profile, names.sort());
}

/** What applies to the active profile: everything outside of `projects`, and what that profile has. */
export function onlyActive<T extends { readonly path: KeyPath }>(
  active: ActiveTemplate,
  found: readonly T[],
): readonly T[] {
  const steps = stepsTo(active);
  // A reference may also be in the place of a mapping on the way to the profile; resolving it lets the check report that.
  const isActive = (path: KeyPath) =>
    path[0] !== 'projects' || steps.every((step, index) => index >= path.length || path[index] === step);
  return found.filter(({ path }) => isActive(path));
}

/** The user configuration as written, with no other profile than the active one. */
export function activeUserFile(active: ActiveTemplate): unknown {
  const file = active.userSource?.value ?? {};
  if (!isMapping(file) || !Object.hasOwn(file, 'projects')) return file;
  return { ...file, projects: onlyAlong(file['projects'], stepsTo(active).slice(1)) };
}

function stepsTo({ project, profile }: ActiveTemplate): readonly string[] {
  return ['projects', project, 'profiles', profile];
}

/** A mapping with only the keys along `steps`; anything else stays as it is, for the check to report. */
function onlyAlong(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined || !isMapping(value)) return value;
  return Object.hasOwn(value, step) ? { [step]: onlyAlong(value[step], rest) } : {};
}
