import { dirname, join } from 'node:path';
import { z } from 'zod';
import { invalidConfig, type Problem, type SourcePosition } from '../errors/index.js';
import { FileLedger, isDatabaseFile, resolveDatabasePath, resolvePath } from '../files/index.js';
import { parseDuration } from '../lifecycle/index.js';
import type { LoggingConfig } from '../logging/index.js';
import type { ServerSettings } from '../settings/index.js';
import {
  checkSchema,
  conform,
  isMapping,
  jsonSchemaOf,
  type KeyPath,
  loadYamlMapping,
} from '../yaml/index.js';
import { type ActiveProfile, selectProfile } from './active-profile.js';
import type { ConfigTemplate } from './load-config.js';
import type {
  ConfigFiles,
  ConfigObject,
  ExtensionDefinition,
  ResolvedConfig,
  SqlToolsConfig,
  TransportConfig,
} from './resolved-config.js';
import { defaultSiteProfile, type SiteConfig, type SiteProfile, siteSchema } from './site-schema.js';
import { defaultUserProfile, type UserConfig, type UserProfile, userSchema } from './user-schema.js';

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

export function toExtensions({ site, siteSource }: ConfigTemplate): readonly ExtensionDefinition[] {
  return site.extensions.map((extension, index) => {
    const declaredAt = siteSource.positionOf(['extensions', index]);
    return typeof extension === 'string'
      ? { name: extension, declaredAt }
      : { name: extension.name, repository: extension.repo, declaredAt };
  });
}

export function toPaths({ paths }: Pick<SiteConfig, 'paths'>, projectRoot: string): ResolvedConfig['paths'] {
  return {
    tools: resolvePath(projectRoot, paths.tools),
    resources: resolvePath(projectRoot, paths.resources),
    prompts: resolvePath(projectRoot, paths.prompts),
    python: resolvePath(projectRoot, paths.python),
    sql: resolvePath(projectRoot, paths.sql),
  };
}

export function toSqlTools({ sql_tools: tools }: SiteConfig): SqlToolsConfig {
  return {
    enabled: tools.enabled,
    descriptions: {
      executeSqlQuery: tools.execute_sql_query.description,
      listTables: tools.list_tables.description,
      getTableSchema: tools.get_table_schema.description,
    },
  };
}

/** A transport that does not exist here is in `unavailable`; nothing is started on what stands in for it. */
export function toTransport({ transport }: UserConfig): TransportConfig {
  const { http, provider } = transport;
  return {
    provider: provider === 'stdio' ? 'stdio' : 'streamable-http',
    host: http.host,
    port: http.port,
    stateless: http.stateless,
    allowedHosts: http.allowed_hosts,
    allowedOrigins: http.allowed_origins,
  };
}

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'error' } as const;

export function toLogging({ logging }: UserConfig): LoggingConfig {
  return {
    enabled: logging.enabled,
    path: logging.path ?? null,
    level: LEVELS[logging.level],
    maxBytes: logging.max_bytes,
    backupCount: logging.backup_count,
  };
}

/** How often references are resolved anew without being asked; null is never. */
export function toRefreshMs({ reload: { refresh } }: UserConfig): number | null {
  return refresh === undefined ? null : (parseDuration(String(refresh)) ?? null);
}

export interface WrittenFiles {
  readonly template: ConfigTemplate;
  /** The user configuration with its references replaced. */
  readonly userFile: unknown;
  readonly profile: string;
  readonly siteProfile: EffectiveConfig['siteProfile'];
}

/** Both files as code sees them. The files of the active profile are there also when only their defaults name them. */
export function toConfigFiles({ template, userFile, profile, siteProfile }: WrittenFiles): ConfigFiles {
  const site = toConfigObject(template.siteSource.value, siteSchema);
  const profiles = childOf(site, 'profiles');
  const written = childOf(profiles, profile);
  const withPath = (key: 'duckdb' | 'drift' | 'audit'): ConfigObject => {
    const { path } = siteProfile[key];
    return { [key]: { ...childOf(written, key), ...(path !== undefined && { path }) } };
  };
  const active = { ...written, ...withPath('duckdb'), ...withPath('drift'), ...withPath('audit') };
  return {
    site: { ...site, profiles: { ...profiles, [profile]: active } },
    user: toConfigObject(userFile, userSchema),
  };
}

/** A file that passed its schema: the keys that are written there, with values of the declared types. */
function toConfigObject(file: unknown, schema: z.ZodType): ConfigObject {
  const value: unknown = JSON.parse(JSON.stringify(conform(file, jsonSchemaOf(schema))));
  return asObject(value);
}

function childOf(parent: ConfigObject, key: string): ConfigObject {
  return asObject(Object.hasOwn(parent, key) ? parent[key] : undefined);
}

function asObject(value: unknown): ConfigObject {
  // What comes here was made by JSON.parse; infinities, which only YAML knows, are null there.
  return isMapping(value) ? (value as ConfigObject) : {};
}

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

/** Where a value stands that came from an option or a variable: in no file, so its name is the place. */
export function settingPlace(name: string): SourcePosition {
  return { file: name };
}

/** Where a value of the user configuration stands, or would stand if there were one. */
export function userPosition(
  { userSource }: Pick<ConfigTemplate, 'userSource'>,
  settings: ServerSettings,
  path: KeyPath,
): SourcePosition {
  return userSource?.positionOf(path) ?? { file: settings.userConfigFile };
}

const { paths, sql_tools } = siteSchema.shape;
const foldersSchema = z.object({ paths });
const sqlToolsSchema = z.object({ sql_tools });

/** Where a project's endpoints are, and what names they must leave free. */
type FoundFolders = Pick<ResolvedConfig, 'projectRoot' | 'paths'> & {
  readonly sqlTools: Pick<ResolvedConfig['sqlTools'], 'enabled'>;
};

/**
 * Where a project's endpoints are, as far as `mxcp-site.yml` says so, whatever else is wrong with it. Throws
 * `config_not_found`, and `config_invalid` when just that cannot be told.
 */
export async function loadEndpointFolders(settings: ServerSettings): Promise<FoundFolders> {
  const { siteFile, projectRoot } = settings;
  const parsed = await loadYamlMapping(siteFile, { whenMissing: 'put it back', ledger: new FileLedger() });
  const { source, problems } = parsed;
  if (source === undefined) throw invalidConfig(problems);
  const folders = checkSchema({ schema: foldersSchema, source, value: source.value });
  if (!folders.ok) throw invalidConfig(folders.problems);
  const tools = checkSchema({ schema: sqlToolsSchema, source, value: source.value });
  const enabled = settings.sqlTools ?? (tools.ok && tools.value.sql_tools.enabled);
  return { projectRoot, paths: toPaths(folders.value, projectRoot), sqlTools: { enabled } };
}
