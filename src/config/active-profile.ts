import { invalidConfig, keySuggestion, MxcpError, nearestName } from '../errors/index.js';
import type { ReferenceUse, ResolvedReferences } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { checkSchema, isMapping, type KeyPath } from '../yaml/index.js';
import { type ConfigTemplate, loadConfigTemplate } from './load-config.js';
import type { ResolvedConfig } from './resolved-config.js';
import { type UserConfig, userSchema } from './user-schema.js';

/** Which part of the user file counts. */
export interface ActiveProfile {
  readonly project: string;
  readonly profile: string;
}

/** The references that are resolved: of the top-level settings and of the active profile. */
export function activeReferences(template: ConfigTemplate, active: ActiveProfile): readonly ReferenceUse[] {
  return template.references.filter(({ path }) => isActive(path, active));
}

/** The user configuration as it is written, with only the active profile in it and every reference replaced. */
export function resolveUserFile(
  template: ConfigTemplate,
  active: ActiveProfile,
  resolved: ResolvedReferences | undefined,
): unknown {
  if (template.userSource === undefined || resolved === undefined) return {};
  const texts = new Map(
    activeReferences(template, active).map((use) => [JSON.stringify(use.path), resolved.textOf(use)]),
  );
  return replaceTexts(onlyActive(template.userSource.value, active), [], texts);
}

/** What `resolveUserFile` made, with defaults, checked again now that the values are known. Throws `config_invalid`. */
export function typeUserConfig(template: ConfigTemplate, value: unknown): UserConfig {
  const source = template.userSource;
  if (source === undefined) return userSchema.parse({});
  const check = checkSchema({ schema: userSchema, source, value });
  if (check.ok) return check.value;
  throw invalidConfig(check.problems, 'with its references resolved, the configuration has problems:');
}

/** Also what stands where a mapping on the way to the active profile should be, so that it is judged. */
function isActive(path: KeyPath, { project, profile }: ActiveProfile): boolean {
  if (path[0] !== 'projects') return true;
  return ['projects', project, 'profiles', profile].every(
    (step, index) => index >= path.length || path[index] === step,
  );
}

function onlyActive(value: unknown, { project, profile }: ActiveProfile): unknown {
  if (!isMapping(value) || !Object.hasOwn(value, 'projects')) return value;
  const steps = [project, 'profiles', profile];
  return { ...value, projects: onlyAlong(value['projects'], steps) };
}

/** A mapping with only the keys along `steps`; anything else stays as it is, for the check to judge. */
function onlyAlong(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined || !isMapping(value)) return value;
  return Object.hasOwn(value, step) ? { [step]: onlyAlong(value[step], rest) } : {};
}

/** The same value with the texts at these paths (as JSON) replaced. */
export function replaceTexts(value: unknown, path: KeyPath, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return texts.get(JSON.stringify(path)) ?? value;
  if (Array.isArray(value)) return value.map((item, index) => replaceTexts(item, [...path, index], texts));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, replaceTexts(item, [...path, key], texts)]),
  );
}

/** The profile that a fresh start would run: flag, then variable, then the site file. */
export function selectProfile(template: ConfigTemplate, settings: ServerSettings): string {
  return settings.profile ?? template.site.profile;
}

/**
 * Throws `profile_unknown` when the profile to run is in neither file. The site file's own choice needs no entry
 * anywhere: it then runs on defaults.
 */
export function assertProfileKnown(
  template: ConfigTemplate,
  active: ActiveProfile,
  namedBy: string | undefined,
): void {
  const { project, profile } = active;
  if (profile === template.site.profile || hasProfile(template, project, profile)) return;
  const known = knownProfiles(template, project);
  throw new MxcpError(
    'profile_unknown',
    `the profile \`${profile}\` (${namedBy ?? 'running'}) is in neither configuration file; known profiles are ${known.join(', ')}${keySuggestion(profile, known)}`,
  );
}

/**
 * A reload keeps project and profile. Throws `profile_unknown` when the files moved on to others and left nothing for
 * those that run: going on would take every secret away from a server that still needs them.
 */
export function assertStillThere(
  template: ConfigTemplate,
  settings: ServerSettings,
  running: ResolvedConfig,
): void {
  const { project, profile } = running;
  const moved = template.site.project !== project || selectProfile(template, settings) !== profile;
  if (!moved || running.secrets.length === 0 || userProfiles(template, project).includes(profile)) return;
  throw new MxcpError(
    'profile_unknown',
    `the user configuration no longer has the profile \`${profile}\` of project \`${project}\`, which is running; put it back, or restart to run what the files say now`,
  );
}

/** The known profile that the site file most likely means, when it chooses one that neither file has. */
export function likelyMisspelt(template: ConfigTemplate): string | undefined {
  const { profile, project } = template.site;
  const others = knownProfiles(template, project).filter((name) => name !== profile);
  const defined = hasProfile(template, project, profile);
  return defined ? undefined : nearestName(profile, others);
}

function hasProfile(template: ConfigTemplate, project: string, profile: string): boolean {
  return Object.hasOwn(template.site.profiles, profile) || userProfiles(template, project).includes(profile);
}

/** Every profile of the two files, and the site file's choice. */
function knownProfiles(template: ConfigTemplate, project: string): readonly string[] {
  const names = [
    template.site.profile,
    ...Object.keys(template.site.profiles),
    ...userProfiles(template, project),
  ];
  return [...new Set(names)].sort();
}

/** The profiles of a project in the user configuration. */
export function userProfiles(template: ConfigTemplate, project: string): readonly string[] {
  const profiles = ['projects', project, 'profiles'].reduce<unknown>(
    (value, key) => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    template.userSource?.value,
  );
  return isMapping(profiles) ? Object.keys(profiles) : [];
}

/**
 * For what needs no configuration but takes the name of a profile. Throws `profile_unknown` when that name is in neither
 * file, and what reading the files throws. Reads nothing where no profile is named.
 */
export async function checkNamedProfile(settings: ServerSettings): Promise<void> {
  const { profile, namedBy } = settings;
  if (profile === undefined) return;
  const template = await loadConfigTemplate(settings);
  assertProfileKnown(template, { project: template.site.project, profile }, namedBy.profile);
}
