import type { z } from 'zod';
import { invalidConfig, MxcpError, type Problem, problemsError } from '../errors/index.js';
import { FileLedger } from '../files/index.js';
import { deepFreeze, limitTime, partOf } from '../lifecycle/index.js';
import {
  Concealed,
  createEnvResolver,
  createFileResolver,
  type EnvironmentView,
  loadEnvironment,
  PermanentReferenceError,
  type ReferenceResolver,
  type ReferenceUse,
  type ResolvedReferences,
  resolveReferences,
  Secret,
  SecretStores,
  type StoreSections,
  storeSections,
} from '../secrets/index.js';
import type { Environment } from '../settings/index.js';
import { checkSchema, isMapping, type KeyPath } from '../yaml/index.js';
import {
  findDatabaseProblems,
  findFolderProblems,
  findProtectionProblems,
  findUnavailable,
  findWarnings,
} from './check-config.js';
import {
  type ActiveTemplate,
  activeUserFile,
  chooseProfile,
  type ConfigTemplate,
  onlyActive,
} from './config-template.js';
import {
  applyOverrides,
  type ResolvedConfig,
  toConfigFiles,
  toSecretDefinitions,
  toServerParts,
} from './effective-config.js';
import { collectRestartOnly } from './reload-effects.js';
import { secretTexts, type UserConfig, userSchema } from './schema.js';
import { compileSqlToolPolicies } from './server-parts.js';

/** What a template is resolved with. */
export interface ResolveInput {
  /** The environment of the process. */
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Keeps logins from one resolve to the next; without it, each resolve logs in for itself. */
  readonly stores?: SecretStores | undefined;
  /** The active configuration. Its project and profile stay, because only a restart changes them. */
  readonly previous?: ResolvedConfig | undefined;
}

/**
 * Makes the configuration of a generation: chooses the profile, resolves its references, applies options and variables, and
 * checks the result. Throws `profile_unknown`, `reference_unresolved` and `config_invalid`.
 */
export async function resolveConfig(template: ConfigTemplate, input: ResolveInput): Promise<ResolvedConfig> {
  const active = chooseProfile(template, input.previous);
  await assertResolvable(active, input);
  const stores = input.stores ?? new SecretStores();
  try {
    const values = await resolveValues(active, { ...input, stores });
    const config = toResolvedConfig(active, values, stores);
    return deepFreeze(await withSqlToolPolicies(config, active));
  } finally {
    if (input.stores === undefined) await stores.dispose();
  }
}

async function withSqlToolPolicies(config: ResolvedConfig, active: ActiveTemplate): Promise<ResolvedConfig> {
  const written = active.site.sql_tools.policies;
  if (written === undefined) return config;
  const { policies, warnings } = await compileSqlToolPolicies(written, active);
  return { ...config, sqlTools: { ...config.sqlTools, policies }, warnings: [...config.warnings, ...warnings] };
}

/**
 * Throws `config_invalid` if the template has problems. Adds the variables and files that have no value, so that they do not
 * only show once the rest is fixed; stores are not asked.
 */
async function assertResolvable(active: ActiveTemplate, input: ResolveInput): Promise<void> {
  const found = [findDatabaseProblems, findProtectionProblems, findFolderProblems].flatMap((find) => find(active));
  const problems = [...found, ...active.userProblems];
  if (problems.length === 0) return;
  const references = active.references.filter(
    ({ reference }) => reference.kind === 'template' || reference.scheme === 'file',
  );
  const stores = new SecretStores();
  const unresolved = await resolveValues({ ...active, references }, { env: input.env, signal: input.signal, stores })
    .then((): readonly Problem[] => [])
    .catch((error: unknown) => {
      if (error instanceof MxcpError) return error.problems;
      throw error;
    });
  throw invalidConfig([...problems, ...unresolved]);
}

/** The environment and the user configuration with its references replaced. */
interface ResolvedValues {
  readonly environment: EnvironmentView;
  readonly userFile: unknown;
  readonly resolved: Pick<ResolvedReferences, 'references' | 'values' | 'warnings'>;
  readonly readFiles: ResolvedConfig['readFiles'];
}

async function resolveValues(
  active: ActiveTemplate,
  { env, signal: stop, stores, previous }: ResolveInput & { readonly stores: SecretStores },
): Promise<ResolvedValues> {
  const { settings, userSource: source } = active;
  const limit = limitTime(settings.reloadResolveTimeoutMs, stop);
  const { signal } = limit;
  const ledger = new FileLedger();
  const { read } = ledger;
  const environment = await loadEnvironment({ envFiles: settings.envFiles, env, signal, read });
  if (source === undefined) {
    const resolved = { references: [], values: [], warnings: [] };
    return { environment, userFile: {}, resolved, readFiles: ledger.files };
  }
  const uses = onlyActive(active, active.references);
  const local = byScheme([
    createEnvResolver(environment, settings.envFiles),
    createFileResolver({ configFile: source.file, cwd: settings.cwd, read }),
  ]);
  const work = {
    sections: createStoreSections({ uses, source, resolvers: local, signal, previous: [] }),
    place: { environment, configFile: source.file, signal, read },
    limit: partOf(limit, STORES_PART),
  };
  const schemes = new Set(uses.flatMap(({ reference }) => ('scheme' in reference ? reference.scheme : [])));
  const opened = await stores.openResolvers(schemes, work);
  const resolvers = byScheme([...local.values(), ...opened]);
  const before = previous?.references ?? [];
  const resolved = await resolveReferences({ uses, source, resolvers, signal, previous: before });
  const userFile = replaceReferences(activeUserFile(active), uses, resolved);
  return { environment, userFile, resolved, readFiles: ledger.files };
}

/** A store that exceeds its part of the time reports why; the rest is for passing that on. */
const STORES_PART = 0.9;

function byScheme(resolvers: readonly ReferenceResolver[]): ReadonlyMap<string, ReferenceResolver> {
  return new Map(resolvers.map((resolver) => [resolver.scheme, resolver]));
}

type ReferencesInput = Parameters<typeof resolveReferences>[0];

/** The settings of stores may be references to variables and files, and are resolved before a store is opened. */
function createStoreSections(input: ReferencesInput): StoreSections {
  return { vault: () => resolveSection('vault', input), onepassword: () => resolveSection('onepassword', input) };
}

type SectionValues = z.output<typeof storeSections>;

async function resolveSection<Key extends keyof SectionValues>(
  key: Key,
  input: ReferencesInput,
): Promise<SectionValues[Key]> {
  const { source } = input;
  const uses = input.uses.filter(({ path }) => path[0] === key);
  if (uses.some(({ reference }) => reference.kind === 'store' && reference.scheme !== 'file'))
    throw new PermanentReferenceError(
      `cannot be read: the settings of \`${key}\` may refer to variables and files, but not to a store`,
    );
  const resolved = await resolveReferences({ ...input, uses }).catch((error: unknown) => {
    // The references themselves are reported on their own.
    throw new Error(`cannot be read: settings of \`${key}\` have no value`, { cause: error });
  });
  const file = isMapping(source.value) && Object.hasOwn(source.value, key) ? { [key]: source.value[key] } : {};
  const value = replaceReferences(file, uses, resolved);
  const check = checkSchema({ schema: storeSections, source, value });
  if (check.ok) return check.value[key];
  const summary = `cannot be read: with its references resolved, \`${key}\` has problems:`;
  throw problemsError('config_invalid', summary, check.problems);
}

/** Replaces the texts that are references. */
function replaceReferences(
  value: unknown,
  uses: readonly ReferenceUse[],
  resolved: Pick<ResolvedReferences, 'textOf'>,
): unknown {
  const texts = new Map(uses.map((use) => [JSON.stringify(use.path), resolved.textOf(use)]));
  const replace = (item: unknown, path: KeyPath): unknown => {
    if (typeof item === 'string') return texts.get(JSON.stringify(path)) ?? item;
    if (Array.isArray(item)) return item.map((each, index) => replace(each, [...path, index]));
    if (!isMapping(item)) return item;
    return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, replace(each, [...path, key])]));
  };
  return replace(value, []);
}

function toResolvedConfig(
  active: ActiveTemplate,
  { environment, userFile, resolved, readFiles }: ResolvedValues,
  stores: SecretStores,
): ResolvedConfig {
  const { settings, siteSource, userSource } = active;
  const config = applyOverrides(active, checkUserConfig(active, userFile));
  return {
    project: active.project,
    profile: active.profile,
    projectRoot: settings.projectRoot,
    configFiles: [siteSource.file, ...(userSource === undefined ? [] : [userSource.file])],
    envFiles: settings.envFiles,
    readFiles: [...active.readFiles, ...readFiles],
    loadedAt: new Date(),
    ...toServerParts(active, config),
    environment: new Concealed(environment.toEnvironment()),
    files: new Concealed(toConfigFiles(active, config, userFile)),
    secrets: toSecretDefinitions(active, config),
    secretValues: [
      ...secretTexts(config.user),
      ...resolved.values.map((value) => new Secret(value)),
      ...stores.secrets(),
    ],
    references: resolved.references,
    restartOnly: collectRestartOnly(config, active.references),
    warnings: [...findWarnings(active, config), ...resolved.warnings],
    unavailable: findUnavailable(active, config),
  };
}

/** Checks the user configuration again, now that all values are known. Throws `config_invalid`. */
function checkUserConfig({ userSource: source }: ActiveTemplate, value: unknown): UserConfig {
  if (source === undefined) return userSchema.parse({});
  const check = checkSchema({ schema: userSchema, source, value });
  if (check.ok) return check.value;
  throw invalidConfig(check.problems, 'with its references resolved, the configuration has problems:');
}
