import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { Problem, SourcePosition } from '../errors/index.js';
import { type ReadFile, resolveDatabasePath, resolvePath } from '../files/index.js';
import { parseDuration } from '../lifecycle/index.js';
import { type Concealed, type ResolvedReference, Secret } from '../secrets/index.js';
import type { Environment } from '../settings/index.js';
import { conform, isMapping, jsonSchemaOf } from '../yaml/index.js';
import { toAuthSettings } from './auth-schema.js';
import { type ActiveTemplate, toCacheRule, toPresentation } from './config-template.js';
import { toRateRule } from './rate-limit.js';
import { type Protection, toProtection, UNPROTECTED } from './protection.js';
import {
  keyAt,
  overriddenBy,
  override,
  type SiteConfig,
  type SiteProfile,
  siteProfileSchema,
  siteSchema,
  type UserConfig,
  type UserProfile,
  userProfileSchema,
  userSchema,
} from './schema.js';
import { toAnswerLimits } from './answer-limits.js';
import { type GroupRules, toGroupRules } from './groups.js';
import { toAudit, toConfirmations, toLogging, toSqlTools, toTelemetry } from './server-parts.js';

/**
 * Both files as they apply to the active profile: with defaults, overridden by options and variables, with absolute paths.
 * The keys are those of the files, so that a difference can be named by its key.
 */
export interface EffectiveConfig {
  readonly site: SiteConfig;
  readonly siteProfile: SiteProfile & {
    readonly duckdb: { readonly path: string };
    readonly audit: { readonly path: string };
  };
  readonly user: UserConfig;
  readonly userProfile: UserProfile;
}

export function applyOverrides(active: ActiveTemplate, userFile: UserConfig): EffectiveConfig {
  const { settings, project, profile } = active;
  const siteProfile = override(toSiteProfile(active), keyAt(siteSchema, ['profiles', profile]), settings);
  const user = override(userFile, keyAt(userSchema), settings);
  const profileKey = keyAt(userSchema, ['projects', project, 'profiles', profile]);
  const userProfile =
    own(own(user.projects, project)?.profiles, profile) ?? override(userProfileSchema.parse({}), profileKey, settings);
  const { logging } = user;
  const logPath = logging.path && resolvePath(dirname(settings.userConfigFile), logging.path);
  return {
    site: { ...override(active.site, keyAt(siteSchema), settings), profiles: { [profile]: siteProfile } },
    siteProfile,
    user: {
      ...user,
      projects: { [project]: { profiles: { [profile]: userProfile } } },
      logging: { ...logging, path: logPath },
    },
    userProfile,
  };
}

/** The active profile of the site file with absolute paths. */
export function toSiteProfile({ site, settings, profile }: ActiveTemplate): EffectiveConfig['siteProfile'] {
  const root = settings.projectRoot;
  const { duckdb, drift, audit, ...rest } = own(site.profiles, profile) ?? siteProfileSchema.parse({});
  const { data, drift: driftFolder, audit: auditFolder } = site.paths;
  const databasePath = duckdb.path ?? join(data, `db-${profile}.duckdb`);
  const driftPath = drift.path ?? join(driftFolder, `drift-${profile}.json`);
  const auditPath = audit.path ?? join(auditFolder, `logs-${profile}.jsonl`);
  return {
    ...rest,
    duckdb: { ...duckdb, path: resolveDatabasePath(root, databasePath) },
    drift: { path: resolvePath(root, driftPath) },
    audit: { ...audit, path: resolvePath(root, auditPath) },
  };
}

/** Names come from users: one may be that of a property that every object has. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/**
 * The configuration of a generation: both files with defaults, overridden by options and variables, with the references of the
 * active profile resolved. Deeply frozen.
 */
export interface ResolvedConfig extends Readonly<ReturnType<typeof toServerParts>> {
  readonly project: string;
  readonly profile: string;
  /** The folder that holds `mxcp-site.yml`, absolute. */
  readonly projectRoot: string;
  readonly configFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** Every file that was read for this configuration, including missing ones. */
  readonly readFiles: readonly ReadFile[];
  readonly loadedAt: Date;
  readonly secrets: readonly SecretDefinition[];
  /** The environment for `${NAME}`: the env files, which win, and the environment of the process. */
  readonly environment: Concealed<Environment>;
  /** Both files as Python code sees them, without the profiles of the user configuration that are not active. */
  readonly files: Concealed<ReturnType<typeof toConfigFiles>>;
  readonly references: readonly ResolvedReference[];
  /** The settings that only a restart applies, by dotted path. */
  readonly restartOnly: ReadonlyMap<string, RestartOnlySetting>;
  /** Every secret text of this configuration, for the scrubber. */
  readonly secretValues: readonly Secret[];
  /** Likely mistakes that do not prevent a start. */
  readonly warnings: readonly Problem[];
  /** `assertProtections` refuses any of these. */
  readonly unavailable: readonly UnavailableSetting[];
}

/** A setting that only a restart applies. */
export interface RestartOnlySetting {
  /** As reports print it: a secret, or a value that came from a reference, is `[secret]`. */
  readonly display: unknown;
  /** A keyed hash for comparison, so that a change behind `[secret]` is still detected. */
  readonly identity: string;
}

/** Something that the configuration asks for and this version does not have. */
export interface UnavailableSetting {
  /** `protection_unavailable` for access control and for audit logs. */
  readonly code: 'protection_unavailable' | 'feature_unavailable';
  readonly problem: Problem;
}

export function findProtection(
  { siteSource, profile }: ActiveTemplate,
  { protect }: EffectiveConfig['siteProfile'],
): Protection {
  const isEmpty = protect.tables.length === 0 && protect.unfiltered.length === 0;
  return isEmpty ? UNPROTECTED : toProtection(protect, siteSource, profile);
}

const NO_GROUPS: GroupRules = new Map();

/** Converts what the server itself uses from the keys of the files. Paths are absolute. */
export function toServerParts(active: ActiveTemplate, { site, siteProfile, user, userProfile }: EffectiveConfig) {
  const { settings } = active;
  const { transport, logging, reload } = user;
  return {
    /** Where the database is; `declaredAt` is undefined for the default path. */
    duckdb: {
      ...siteProfile.duckdb,
      declaredAt: findDatabasePlace(active),
      limits: { memoryBytes: settings.duckdbMemoryLimit, tempBytes: settings.duckdbTempLimit },
    },
    /** What clients show of the server, and tell their models about it. */
    presentation: { ...toPresentation(active), cache: toCacheRule(active.site.cache) },
    extensions: toExtensions(active),
    attachments: toAttachments(active),
    paths: toPaths(site.paths, settings.projectRoot),
    protection: findProtection(active, siteProfile),
    sqlTools: toSqlTools(site.sql_tools, settings.projectRoot),
    /** How much of a list an answer has, where the endpoint does not say it. */
    answers: site.answers && toAnswerLimits(site.answers),
    /** What clients get at paths of their own. */
    groups:
      Object.keys(site.groups).length === 0 ? NO_GROUPS : toGroupRules(site.groups, active.siteSource, toCacheRule),
    /** Over all endpoints. */
    rateLimit: siteProfile.rate_limit && toRateRule(siteProfile.rate_limit),
    /** The interpreter is absolute or a name to find in `PATH`; undefined if the project decides. */
    python: { interpreter: settings.python, workers: settings.pythonWorkers },
    transport: {
      // Any other one is in `unavailable`, so that nothing is started on this value.
      provider: transport.provider === 'stdio' ? transport.provider : ('streamable-http' as const),
      host: transport.http.host,
      port: transport.http.port,
      stateless: transport.http.stateless,
      /** The URL by which clients reach the server, if it is another one than that of the port. */
      publicUrl: transport.http.base_url,
      /** Besides loopback names; if empty and bound beyond loopback, the listener accepts any host. */
      allowedHosts: transport.http.allowed_hosts,
      allowedOrigins: transport.http.allowed_origins,
      /** Whether the address of a client is what the proxy in front says. */
      trustsProxy: transport.http.trust_proxy,
    },
    logging: toLogging(logging),
    /** The interval at which references are resolved again without a request; null for never. */
    refreshMs: reload.refresh === undefined ? null : (parseDuration(String(reload.refresh)) ?? null),
    telemetry: toTelemetry(userProfile),
    /** Undefined when everybody who reaches the server may call. */
    auth: toAuthSettings(userProfile.auth),
    confirmations: toConfirmations(userProfile, settings.projectRoot),
    audit: toAudit(siteProfile.audit),
    features: { auditLogging: siteProfile.audit.enabled, telemetry: userProfile.telemetry.enabled },
  };
}

/** Where a file declares something, found only for an error: finding a position parses the file a second time. */
export type LazyPosition = () => SourcePosition;

/** What gives the path of the database: an option, a variable or the site file; undefined if nothing does. */
export function findDatabasePlace({ site, siteSource, settings, profile }: ActiveTemplate): LazyPosition | undefined {
  const path = ['profiles', profile, 'duckdb', 'path'];
  const file = overriddenBy(keyAt(siteSchema, path), settings);
  if (file !== undefined) return () => ({ file });
  const isNamed = own(site.profiles, profile)?.duckdb.path !== undefined;
  return isNamed ? () => siteSource.positionOf(path) : undefined;
}

export interface ExtensionDefinition {
  readonly name: string;
  readonly repository?: 'community' | 'core_nightly' | undefined;
  /** In `mxcp-site.yml`. */
  readonly declaredAt?: LazyPosition | undefined;
}

function toExtensions({ site, siteSource }: ActiveTemplate): readonly ExtensionDefinition[] {
  return site.extensions.map((extension, index) => {
    const declaredAt = () => siteSource.positionOf(['extensions', index]);
    return typeof extension === 'string'
      ? { name: extension, declaredAt }
      : { name: extension.name, repository: extension.repo, declaredAt };
  });
}

/** A database that is attached beside that of the profile. */
export interface AttachmentDefinition {
  readonly name: string;
  readonly type: string;
  /** What `ATTACH` gets: a file, or the part of a connection string that is not secret. */
  readonly path: string;
  readonly secret?: string | undefined;
  readonly readonly: boolean;
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** In `mxcp-site.yml`. */
  readonly declaredAt?: LazyPosition | undefined;
}

function toAttachments({ site, siteSource }: ActiveTemplate): readonly AttachmentDefinition[] {
  return site.attach.map((attachment, index) => ({
    ...attachment,
    declaredAt: () => siteSource.positionOf(['attach', index]),
  }));
}

export function toPaths(paths: SiteConfig['paths'], projectRoot: string) {
  return {
    tools: resolvePath(projectRoot, paths.tools),
    resources: resolvePath(projectRoot, paths.resources),
    prompts: resolvePath(projectRoot, paths.prompts),
    python: resolvePath(projectRoot, paths.python),
    sql: resolvePath(projectRoot, paths.sql),
  };
}

/** One entry of `projects.<project>.profiles.<profile>.secrets` of the user configuration. */
export interface SecretDefinition {
  readonly name: string;
  readonly type: string;
  readonly parameters: SecretParameterMap;
  /** In the user configuration. */
  readonly declaredAt?: LazyPosition | undefined;
}

/** Text is always wrapped, even if it is a literal in the file. */
export type SecretParameter = Secret | number | boolean | readonly SecretParameter[] | SecretParameterMap;
interface SecretParameterMap {
  readonly [key: string]: SecretParameter;
}

export function toSecretDefinitions(
  { userSource, project, profile }: ActiveTemplate,
  { userProfile }: EffectiveConfig,
): readonly SecretDefinition[] {
  const path = ['projects', project, 'profiles', profile, 'secrets'];
  return userProfile.secrets.map(({ name, type, parameters }, index) => ({
    name,
    type,
    parameters: toParameters(parameters),
    declaredAt: userSource && (() => userSource.positionOf([...path, index])),
  }));
}

function toParameters(values: Readonly<Record<string, unknown>>): SecretParameterMap {
  const entries = Object.entries(values).flatMap(([key, value]): [string, SecretParameter][] => {
    const parameter = toParameter(value);
    return parameter === undefined ? [] : [[key, parameter]];
  });
  return Object.fromEntries(entries);
}

/** A key without a value is not a parameter. */
function toParameter(value: unknown): SecretParameter | undefined {
  if (typeof value === 'string') return new Secret(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.flatMap((item) => toParameter(item) ?? []);
  return isMapping(value) ? toParameters(value) : undefined;
}

/** A mapping of a configuration file, as JSON. */
export interface ConfigObject {
  readonly [key: string]: string | number | boolean | null | ConfigList | ConfigObject;
}
type ConfigList = readonly ConfigObject[string][];

/** Both files as Python code sees them. The files of the active profile are included even if only defaults name them. */
export function toConfigFiles(
  { siteSource, profile }: ActiveTemplate,
  { siteProfile }: EffectiveConfig,
  userFile: unknown,
): { readonly site: ConfigObject; readonly user: ConfigObject } {
  const site = toConfigObject(siteSource.value, siteSchema);
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

/** A checked file: its keys as written, with values of the declared types. */
function toConfigObject(file: unknown, schema: z.ZodType): ConfigObject {
  return asObject(JSON.parse(JSON.stringify(conform(file, jsonSchemaOf(schema)))));
}

function childOf(parent: ConfigObject, key: string): ConfigObject {
  return asObject(own(parent, key));
}

function asObject(value: unknown): ConfigObject {
  // The value was made by JSON.parse; infinities, which only YAML has, are null there.
  return isMapping(value) ? (value as ConfigObject) : {};
}
