import { keySuggestion, nearestName, type Problem, type SourcePosition } from '../errors/index.js';
import { Secret } from '../secrets/index.js';
import { isMapping } from '../yaml/index.js';
import { likelyMisspelt, userProfiles } from './active-profile.js';
import { settingPlace, userPosition } from './effective-config.js';
import type { SecretDefinition, SecretParameter, SecretParameterMap } from './resolved-config.js';
import type { JudgedConfig } from './unavailable-settings.js';
import type { UserProfile } from './user-schema.js';

export function toSecretDefinitions(
  secrets: UserProfile['secrets'],
  positionOf: (index: number) => SourcePosition | undefined,
): readonly SecretDefinition[] {
  return secrets.map(({ name, type, parameters }, index) => ({
    name,
    type,
    parameters: toParameters(parameters),
    declaredAt: positionOf(index),
  }));
}

/** Every text in the parameters, for the scrubber. */
export function secretTexts(definitions: readonly SecretDefinition[]): readonly Secret[] {
  return definitions.flatMap((definition) => textsIn(definition.parameters));
}

function toParameters(values: Readonly<Record<string, unknown>>): SecretParameterMap {
  const entries = Object.entries(values).flatMap(([key, value]): [string, SecretParameter][] => {
    const parameter = toParameter(value);
    return parameter === undefined ? [] : [[key, parameter]];
  });
  return Object.fromEntries(entries);
}

/** A key with nothing behind it is no parameter. */
function toParameter(value: unknown): SecretParameter | undefined {
  if (typeof value === 'string') return new Secret(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.flatMap((item) => toParameter(item) ?? []);
  return isMapping(value) ? toParameters(value) : undefined;
}

function textsIn(parameter: SecretParameter): readonly Secret[] {
  if (parameter instanceof Secret) return [parameter];
  return typeof parameter === 'object' ? Object.values(parameter).flatMap(textsIn) : [];
}

/** Types of secrets that DuckDB and its own extensions know (DuckDB 1.5.6). Others are for code. */
const DUCKDB_TYPES = 's3 aws r2 gcs azure http huggingface postgres mysql iceberg ducklake motherduck'.split(
  ' ',
);

/** Secrets that nobody will miss until a query fails, because of a slip in the name of a profile or of a type. */
export function findSecretWarnings(judged: JudgedConfig): readonly Problem[] {
  return [...withoutProfile(judged), ...misspeltTypes(judged)];
}

function withoutProfile({ template, active, settings }: JudgedConfig): readonly Problem[] {
  const { project, profile } = active;
  const others = userProfiles(template, project);
  if (template.userSource === undefined || others.length === 0 || others.includes(profile)) return [];
  // Then the name in the site file is told already.
  if (settings.profile === undefined && likelyMisspelt(template) !== undefined) return [];
  const path = ['projects', project, 'profiles'];
  const message = `the profile \`${profile}\` is active and not among these, so it has no secrets; there is ${others.join(', ')}${keySuggestion(profile, others)}`;
  return [{ ...template.userSource.positionOfKey(path), path: path.join('.'), message }];
}

/** Quotes no type: it may have come from a reference. */
function misspeltTypes({ config, template, active }: JudgedConfig): readonly Problem[] {
  const base = ['projects', active.project, 'profiles', active.profile, 'secrets'];
  return config.userProfile.secrets.flatMap(({ type }, index) => {
    const meant = DUCKDB_TYPES.includes(type.toLowerCase()) ? undefined : nearestName(type, DUCKDB_TYPES);
    if (template.userSource === undefined || meant === undefined) return [];
    const position = template.userSource.positionOf([...base, index, 'type']);
    const message = `DuckDB knows no such type, so queries go without this secret; did you mean \`${meant}\`?`;
    return [{ ...position, path: `${base.join('.')}[${index}].type`, message }];
  });
}

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
