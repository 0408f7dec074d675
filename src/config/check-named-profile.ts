import { loadConfigTemplate } from './load-config-template.js';
import { assertProfileKnown } from './resolve/select-profile.js';
import type { ServerSettings } from './settings/server-settings.js';

/**
 * For what needs no configuration but takes the name of a profile. Throws `profile_unknown` when that name is in neither
 * file, and what reading the files throws. Reads nothing where no profile is named.
 */
export async function checkNamedProfile(settings: ServerSettings): Promise<void> {
  const { profile, profileNamedBy } = settings;
  if (profile === undefined) return;
  const template = await loadConfigTemplate(settings);
  assertProfileKnown(template, { project: template.site.project, profile }, profileNamedBy);
}
