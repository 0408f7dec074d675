import { dirname, join } from 'node:path';
import type { ConfigTemplate } from '../config-template.js';
import { resolveDatabasePath, resolvePath } from '../home-path.js';
import { defaultSiteProfile, type SiteConfig, type SiteProfile } from '../schema/site-schema.js';
import { defaultUserProfile, type UserConfig, type UserProfile } from '../schema/user-schema.js';
import type { ServerSettings } from '../settings/server-settings.js';
import type { ActiveProfile } from './active-user-config.js';
import { selectProfile } from './select-profile.js';

/**
 * Both files as they count for the active profile: defaults filled in, flags and variables applied, paths absolute.
 * Keyed as the files are, so that a difference can be named by its key.
 */
export interface EffectiveConfig {
  readonly site: SiteConfig;
  readonly siteProfile: SiteProfile & { readonly duckdb: { readonly path: string } };
  readonly user: UserConfig;
  readonly userProfile: UserProfile;
}

export interface EffectiveInput {
  readonly template: ConfigTemplate;
  readonly user: UserConfig;
  readonly settings: ServerSettings;
  readonly active: ActiveProfile;
}

export function toEffectiveConfig(input: EffectiveInput): EffectiveConfig {
  const { template, settings, active } = input;
  const siteProfile = toSiteProfile(input);
  const user = toUser(input.user, settings);
  const profiles = own(user.projects, active.project)?.profiles ?? {};
  const found = own(profiles, active.profile) ?? defaultUserProfile();
  const enabled = settings.telemetryEnabled ?? found.telemetry.enabled;
  const userProfile = { ...found, telemetry: { ...found.telemetry, enabled } };
  return {
    site: {
      ...template.site,
      profile: selectProfile(template, settings),
      sql_tools: {
        ...template.site.sql_tools,
        enabled: settings.sqlTools ?? template.site.sql_tools.enabled,
      },
      profiles: { [active.profile]: siteProfile },
    },
    siteProfile,
    user: { ...user, projects: { [active.project]: { profiles: { [active.profile]: userProfile } } } },
    userProfile,
  };
}

function toSiteProfile({ template, settings, active }: EffectiveInput): EffectiveConfig['siteProfile'] {
  const { site } = template;
  const root = settings.projectRoot;
  const { duckdb, drift, audit } = own(site.profiles, active.profile) ?? defaultSiteProfile();
  const inFolder = (folder: string, name: string) => resolvePath(root, join(folder, name));
  return {
    duckdb: {
      path:
        settings.duckdbPath ??
        resolveDatabasePath(root, duckdb.path ?? inFolder(site.paths.data, `db-${active.profile}.duckdb`)),
      readonly: settings.readonly ?? duckdb.readonly,
    },
    drift: {
      path: resolvePath(root, drift.path ?? inFolder(site.paths.drift, `drift-${active.profile}.json`)),
    },
    audit: {
      ...audit,
      enabled: settings.auditEnabled ?? audit.enabled,
      path: resolvePath(root, audit.path ?? inFolder(site.paths.audit, `logs-${active.profile}.jsonl`)),
    },
  };
}

/** Names come from people: one may be called as something that every object has. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function toUser(user: UserConfig, settings: ServerSettings): UserConfig {
  const { http, provider } = user.transport;
  const logPath = user.logging.path;
  return {
    ...user,
    transport: {
      provider: settings.transport ?? provider,
      http: {
        ...http,
        host: settings.host ?? http.host,
        port: settings.port ?? http.port,
        stateless: settings.stateless ?? http.stateless,
      },
    },
    logging: {
      ...user.logging,
      ...(logPath === undefined ? {} : { path: resolvePath(dirname(settings.userConfigFile), logPath) }),
    },
  };
}
