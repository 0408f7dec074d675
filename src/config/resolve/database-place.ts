import type { Problem, SourcePosition } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import { isDatabaseFile } from '../home-path.js';
import type { ServerSettings } from '../settings/server-settings.js';
import type { ActiveProfile } from './active-user-config.js';
import { settingPlace } from './setting-place.js';

/** What names the database of the active profile; undefined when nobody does. */
export function findDatabasePlace(
  { site, siteSource }: ConfigTemplate,
  { profile }: ActiveProfile,
  settings: ServerSettings,
): SourcePosition | undefined {
  if (settings.duckdbPath !== undefined) return settingPlace('MXCP_DUCKDB_PATH');
  if (pathInFile(site, profile) === undefined) return undefined;
  return siteSource.positionOf(['profiles', profile, 'duckdb', 'path']);
}

/** A path that DuckDB would open and that is no file, which a server cannot serve. */
export function findDatabaseProblems(
  template: ConfigTemplate,
  active: ActiveProfile,
  settings: ServerSettings,
): readonly Problem[] {
  const place = findDatabasePlace(template, active, settings);
  const path = settings.duckdbPath ?? pathInFile(template.site, active.profile);
  if (place === undefined || path === undefined || isDatabaseFile(path)) return [];
  const key = `profiles.${active.profile}.duckdb.path`;
  const subject = settings.duckdbPath === undefined ? `\`${key}\` ` : '';
  const message = `${subject}must name a file: databases in memory or on other machines cannot be served`;
  return [{ ...place, path: key, message }];
}

function pathInFile({ profiles }: ConfigTemplate['site'], profile: string): string | undefined {
  return Object.hasOwn(profiles, profile) ? profiles[profile]?.duckdb.path : undefined;
}
