import { sep } from 'node:path';
import { keySuggestion, nearestName, type Problem, problemsError, type SourcePosition } from '../errors/index.js';
import { isDatabaseFile, resolvePath } from '../files/index.js';
import { isMapping, type KeyPath, toDotted } from '../yaml/index.js';
import { type ActiveTemplate, likelyProfile, onlyActive, userProfiles } from './config-template.js';
import { type EffectiveConfig, findDatabasePlace, type UnavailableSetting } from './effective-config.js';
import { keyAt, overriddenBy, siteSchema, userSchema } from './schema.js';

type Key = readonly [file: 'site' | 'user', ...path: (string | number)[]];

/** A problem at the value of a key: at the option or variable that gave it, else in the file. */
function problemAt({ settings, ...active }: ActiveTemplate, [file, ...path]: Key, message: string): Problem {
  const setting = overriddenBy(keyAt(file === 'site' ? siteSchema : userSchema, path.map(String)), settings);
  const source = file === 'site' ? active.siteSource : active.userSource;
  const position: SourcePosition =
    setting === undefined ? (source?.positionOf(path) ?? { file: settings.userConfigFile }) : { file: setting };
  return { ...position, path: toDotted(path), message };
}

/** Finds a database that DuckDB could open but that is not a file, or not the one that was meant. */
export function findDatabaseProblems(active: ActiveTemplate): readonly Problem[] {
  const { settings, site, profile } = active;
  if (findDatabasePlace(active) === undefined) return [];
  const path = settings.duckdbPath ?? site.profiles[profile]?.duckdb.path ?? '';
  const hasVariable = settings.duckdbPath?.includes('${') === true;
  if (isDatabaseFile(path) && !hasVariable) return [];
  const message = hasVariable
    ? 'the path of the database contains `${`, which is not replaced here; write the path itself'
    : 'the path of the database must name a file; databases in memory or on other machines cannot be used';
  return [problemAt(active, ['site', 'profiles', profile, 'duckdb', 'path'], message)];
}

/** Finds what would let callers go around the rules for rows. */
export function findProtectionProblems(active: ActiveTemplate): readonly Problem[] {
  const { site, profile } = active;
  const { protect } = Object.hasOwn(site.profiles, profile) ? (site.profiles[profile] ?? {}) : {};
  const hasRules = protect !== undefined && protect.tables.length > 0;
  if (!hasRules || !site.sql_tools.external_access) return [];
  const message =
    'SQL of callers that may read files could read the database file itself, so it cannot be combined with `protect`; set it to false, or remove the rules';
  return [problemAt(active, ['site', 'sql_tools', 'external_access'], message)];
}

/** Finds folders for SQL of callers that would show more than was meant. */
export function findFolderProblems(active: ActiveTemplate): readonly Problem[] {
  const { site, settings } = active;
  const { allowed_folders: folders, external_access: isOpen } = site.sql_tools;
  const problem = (index: number, message: string): Problem =>
    problemAt(active, ['site', 'sql_tools', 'allowed_folders', index], message);
  if (isOpen && folders.length > 0)
    return [
      problem(0, '`external_access: true` lets SQL of callers read all files, so this limits nothing; set it to false'),
    ];
  return folders.flatMap((folder, index) => {
    const path = resolvePath(settings.projectRoot, folder);
    const isWithin = (file: string): boolean =>
      file === path || file.startsWith(path.endsWith(sep) ? path : path + sep);
    if (isWithin(settings.projectRoot))
      return [problem(index, 'the project is in this folder, with its code and its database; name a folder of data')];
    if (isWithin(settings.userConfigFile))
      return [problem(index, 'the user configuration, which holds secrets, is in this folder; name a folder of data')];
    return [];
  });
}

/** Finds what the configuration asks for and this version does not have, with its position and a way out. */
export function findUnavailable(active: ActiveTemplate, config: EffectiveConfig): readonly UnavailableSetting[] {
  const found: UnavailableSetting[] = findUnavailableProtections(active, config).map((problem) => ({
    code: 'protection_unavailable',
    problem,
  }));
  if (config.site.plugin.length > 0) {
    const message = 'this version has no plugins, so endpoints that use them would fail; remove `plugin`';
    const problem = { ...active.siteSource.positionOfKey(['plugin']), path: 'plugin', message };
    found.push({ code: 'feature_unavailable', problem });
  }
  if (config.user.transport.provider === 'sse') {
    const message =
      "this version has no `sse` transport; use `streamable-http`, which today's clients speak, or `stdio`";
    const problem = problemAt(active, ['user', 'transport', 'provider'], message);
    found.push({ code: 'feature_unavailable', problem });
  }
  return found;
}

function findUnavailableProtections(active: ActiveTemplate, config: EffectiveConfig): readonly Problem[] {
  const { project, profile } = active;
  const { provider, mode, authorization } = config.userProfile.auth;
  const auth = ['user', 'projects', project, 'profiles', profile, 'auth'] as const;
  const problems: Problem[] = [];
  const refuse = (key: Key, what: string, wayOut: string) =>
    problems.push(problemAt(active, key, `this version cannot ${what} and does not serve without it; ${wayOut}`));
  if (provider === 'none' && mode !== undefined)
    refuse([...auth, 'mode'], 'authenticate without a provider', 'choose a `provider`, or remove the `auth` section');
  if (provider === 'none' && authorization.required_scopes.length > 0)
    refuse([...auth, 'authorization', 'required_scopes'], 'enforce scopes', 'remove `required_scopes`');
  return problems;
}

/**
 * Refuses a configuration that asks for something that this version does not have. Throws `protection_unavailable` if any of it
 * is a protection, else `feature_unavailable`; both list everything.
 */
export function assertProtections({ unavailable }: { readonly unavailable: readonly UnavailableSetting[] }): void {
  if (unavailable.length === 0) return;
  const isProtection = unavailable.some(({ code }) => code === 'protection_unavailable');
  throw problemsError(
    isProtection ? 'protection_unavailable' : 'feature_unavailable',
    `the configuration asks for ${isProtection ? 'a protection' : 'something'} that this version does not have:`,
    unavailable.map(({ problem }) => problem),
  );
}

/** Finds what does not prevent a start and is most likely a mistake. */
export function findWarnings(active: ActiveTemplate, config: EffectiveConfig): readonly Problem[] {
  return [...siteWarnings(active, config), ...secretWarnings(active, config), ...userWarnings(active, config)];
}

function siteWarnings(active: ActiveTemplate, config: EffectiveConfig): readonly Problem[] {
  const { site, siteSource, settings } = active;
  const likely = settings.profile === undefined ? likelyProfile(active) : undefined;
  const misspelt = `the profile \`${site.profile}\` is in neither configuration file and runs on defaults; did you mean \`${likely}\`?`;
  const known = new Set(config.userProfile.secrets.map(({ name }) => name));
  const place =
    active.userSource === undefined
      ? `there is no user configuration: ${settings.userConfigFile} does not exist, and neither --config nor MXCP_CONFIG names another file; so the project`
      : 'the active profile of the user configuration';
  const missing = site.secrets.flatMap((name, index): Problem[] => {
    if (known.has(name)) return [];
    const message = `${place} has no secret \`${name}\``;
    const path = ['secrets', index];
    return [{ ...siteSource.positionOf(path), path: toDotted(path), message }];
  });
  return [...(likely === undefined ? [] : [problemAt(active, ['site', 'profile'], misspelt)]), ...missing];
}

/** Types of secrets that DuckDB and its own extensions know (DuckDB 1.5.6). Secrets of other types are for code. */
export const DUCKDB_TYPES: readonly string[] =
  's3 aws r2 gcs azure http huggingface postgres mysql iceberg ducklake motherduck'.split(' ');

/** Secrets whose absence would otherwise only show when a query fails: the name of their profile or type is misspelt. */
function secretWarnings(active: ActiveTemplate, config: EffectiveConfig): readonly Problem[] {
  const { userSource, settings, project, profile } = active;
  if (userSource === undefined) return [];
  const suspects = onlyActive(active, active.suspects).map(({ path, message }): Problem => {
    const dotted = toDotted(path);
    return { ...userSource.positionOf(path), path: dotted, message: `\`${dotted}\` ${message}` };
  });
  const warnings = [...suspects, ...findMissingProject(active), ...findLostParameters(active, config)];
  const profiles = ['projects', project, 'profiles'];
  const others = userProfiles(active, project);
  // A misspelt profile in the site file has a warning of its own.
  const isReported = settings.profile === undefined && likelyProfile(active) !== undefined;
  if (others.length > 0 && !others.includes(profile) && !isReported) {
    const message = `the active profile \`${profile}\` is not among these profiles, so it has no secrets; known profiles are ${others.join(', ')}${keySuggestion(profile, others)}`;
    warnings.push({ ...userSource.positionOfKey(profiles), path: toDotted(profiles), message });
  }
  for (const [index, { type }] of config.userProfile.secrets.entries()) {
    const meant = DUCKDB_TYPES.includes(type.toLowerCase()) ? undefined : nearestName(type, DUCKDB_TYPES);
    if (meant === undefined) continue;
    const path: KeyPath = [...profiles, profile, 'secrets', index, 'type'];
    // The type is not quoted, because it may be the value of a reference.
    const message = `DuckDB has no secrets of this type, so queries run without this one; did you mean \`${meant}\`?`;
    warnings.push({ ...userSource.positionOf(path), path: toDotted(path), message });
  }
  return warnings;
}

/**
 * Finds parameters of secrets that are not what they look like: a password such as `1.10` or `0123` needs quotes, or it becomes another
 * text, and a key without a value is no parameter. No value is quoted, because it may be secret.
 */
function findLostParameters(active: ActiveTemplate, config: EffectiveConfig): readonly Problem[] {
  const { userSource: source, project, profile } = active;
  if (source === undefined) return [];
  return config.userProfile.secrets.flatMap(({ parameters }, index) => {
    const path = ['projects', project, 'profiles', profile, 'secrets', index, 'parameters'];
    return [...leavesOf(parameters, path)].flatMap(([at, value]): Problem[] => {
      const isReshaped = typeof value === 'number' && !source.hasNumber(String(value));
      if (value !== null && !(isReshaped && source.plainText(at) !== undefined)) return [];
      const what =
        value === null
          ? 'has no value and is left out; give it one, or remove the key'
          : 'is a number and loses the form in which it is written; put it in quotes to keep that';
      return [{ ...source.positionOf(at), path: toDotted(at), message: `\`${toDotted(at)}\` ${what}` }];
    });
  });
}

function* leavesOf(value: unknown, path: KeyPath): Generator<[KeyPath, unknown]> {
  if (typeof value !== 'object' || value === null) return yield [path, value];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) yield* leavesOf(item, [...path, key]);
}

/**
 * A file that was named for this start, and a project that expects secrets, should have each other. A file in its default place may be
 * for other projects only, unless one has nearly the same name.
 */
function findMissingProject({ userSource, settings, site, project }: ActiveTemplate): readonly Problem[] {
  const projects = userSource?.value;
  const known = isMapping(projects) && isMapping(projects['projects']) ? Object.keys(projects['projects']) : [];
  if (userSource === undefined || known.length === 0 || known.includes(project)) return [];
  const isExpected = settings.userConfigNamed || site.secrets.length > 0 || nearestName(project, known) !== undefined;
  const message = `the project \`${project}\` of mxcp-site.yml is not among these projects, so it has no secrets; known projects are ${known.join(', ')}${keySuggestion(project, known)}`;
  return isExpected ? [{ ...userSource.positionOfKey(['projects']), path: 'projects', message }] : [];
}

function userWarnings(active: ActiveTemplate, { user }: EffectiveConfig): readonly Problem[] {
  const warnings: Problem[] = [];
  if (user.transport.http.scheme === 'https') {
    const message = 'the server itself speaks plain HTTP; put a proxy that speaks TLS in front of it';
    warnings.push(problemAt(active, ['user', 'transport', 'http', 'scheme'], message));
  }
  return warnings;
}
