import { MxcpError } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import { nearestName, suggestion } from '../nearest-name.js';
import { isMapping } from '../schema/conform.js';
import type { ServerSettings } from '../settings/server-settings.js';

/** The profile that a fresh start would run: flag, then variable, then the site file. */
export function selectProfile(template: ConfigTemplate, settings: ServerSettings): string {
  return settings.profile ?? template.site.profile;
}

/**
 * Throws `profile_unknown` when somebody named a profile that neither file has. The site file's own choice needs no
 * entry anywhere: it then runs on defaults.
 */
export function assertProfileKnown(template: ConfigTemplate, settings: ServerSettings): void {
  if (settings.profile === undefined || settings.profile === template.site.profile) return;
  const known = knownProfiles(template, template.site.project);
  if (known.includes(settings.profile)) return;
  const hint = suggestion(settings.profile, known);
  throw new MxcpError(
    'profile_unknown',
    `the profile \`${settings.profile}\` (${settings.profileNamedBy}) is in neither configuration file; known profiles are ${known.join(', ')}${hint}`,
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

function userProfiles(template: ConfigTemplate, project: string): readonly string[] {
  const profiles = ['projects', project, 'profiles'].reduce<unknown>(
    (value, key) => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    template.userSource?.value,
  );
  return isMapping(profiles) ? Object.keys(profiles) : [];
}
