import type { Problem } from '../../errors/index.js';
import type { JudgedConfig } from './unavailable-settings.js';
import { findSecretWarnings } from './secret-warnings.js';
import { likelyMisspelt } from './select-profile.js';
import { settingPlace, userPosition } from './setting-place.js';

/** What stops nothing and is most likely not what was meant. */
export function findWarnings(judged: JudgedConfig): readonly Problem[] {
  return [...siteWarnings(judged), ...findSecretWarnings(judged), ...userWarnings(judged)];
}

function siteWarnings({ config, template, settings }: JudgedConfig): readonly Problem[] {
  const warnings: Problem[] = [];
  const { siteSource, site } = template;
  const misspelt = settings.profile === undefined ? likelyMisspelt(template) : undefined;
  if (misspelt !== undefined) {
    warnings.push({
      ...siteSource.positionOf(['profile']),
      path: 'profile',
      message: `the profile \`${site.profile}\` is in neither configuration file and runs on defaults; did you mean \`${misspelt}\`?`,
    });
  }
  const known = new Set(config.userProfile.secrets.map((secret) => secret.name));
  for (const [index, name] of site.secrets.entries()) {
    if (known.has(name)) continue;
    warnings.push({
      ...siteSource.positionOf(['secrets', index]),
      path: `secrets[${index}]`,
      message: `the active profile of the user configuration has no secret \`${name}\``,
    });
  }
  return warnings;
}

function userWarnings({ config, template, settings, active }: JudgedConfig): readonly Problem[] {
  const warnings: Problem[] = [];
  const warn = (path: readonly string[], message: string) =>
    warnings.push({ ...userPosition(template, settings, path), path: path.join('.'), message });
  if (settings.telemetryEnabled === true) {
    const message = 'this version sends no telemetry; the variable has no effect';
    warnings.push({ ...settingPlace('MXCP_TELEMETRY_ENABLED'), message });
  } else if (config.userProfile.telemetry.enabled) {
    warn(
      ['projects', active.project, 'profiles', active.profile, 'telemetry', 'enabled'],
      'this version sends no telemetry; the section has no effect',
    );
  }
  if (config.user.transport.http.scheme === 'https') {
    warn(
      ['transport', 'http', 'scheme'],
      'the server itself speaks plain HTTP; put a proxy that speaks TLS in front of it',
    );
  }
  return warnings;
}
