import { MxcpError, nearestName, suggestion } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import type { ResolvedConfig } from '../resolved-config.js';
import { isMapping } from '../schema/conform.js';
import type { ServerSettings } from '../settings/server-settings.js';
import type { ActiveProfile } from './active-user-config.js';

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
    `the profile \`${profile}\` (${namedBy ?? 'running'}) is in neither configuration file; known profiles are ${known.join(', ')}${suggestion(profile, known)}`,
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
