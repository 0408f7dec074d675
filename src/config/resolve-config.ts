import { invalidConfig, MxcpError, type Problem, problemsError } from '../errors/index.js';
import { FileLedger } from '../files/index.js';
import { deepFreeze } from '../lifecycle/index.js';
import {
  Concealed,
  createEnvResolver,
  createFileResolver,
  type EnvironmentView,
  LastingReferenceError,
  limitTime,
  loadEnvironment,
  type OnepasswordSection,
  partOf,
  type ReferenceResolver,
  type ReferenceUse,
  type ResolvedReferences,
  resolveReferences,
  Secret,
  SecretStores,
  type SettingsPlace,
  type StoreSections,
  storeSections,
  type TimeLimit,
  type VaultSection,
} from '../secrets/index.js';
import type { Environment, ServerSettings } from '../settings/index.js';
import { checkSchema, isMapping, type YamlSource } from '../yaml/index.js';
import {
  type ActiveProfile,
  activeReferences,
  assertProfileKnown,
  assertStillThere,
  replaceTexts,
  resolveUserFile,
  selectProfile,
  typeUserConfig,
} from './active-profile.js';
import {
  type EffectiveConfig,
  findDatabasePlace,
  findDatabaseProblems,
  toConfigFiles,
  toEffectiveConfig,
  toExtensions,
  toLogging,
  toPaths,
  toRefreshMs,
  toSqlTools,
  toTransport,
} from './effective-config.js';
import type { ConfigTemplate } from './load-config.js';
import { collectRestartOnly, hiddenTexts } from './reload-effects.js';
import type { ResolvedConfig } from './resolved-config.js';
import { findWarnings, secretTexts, toSecretDefinitions } from './secret-definitions.js';
import { findUnavailable } from './unavailable-settings.js';

/**
 * Makes a configuration to run on: chooses the profile, reads the env files, resolves the references, applies defaults,
 * variables and flags. Throws `profile_unknown`, `reference_unresolved` and `config_invalid`.
 */
export async function resolveConfig(
  template: ConfigTemplate,
  input: ResolveConfigInput,
): Promise<ResolvedConfig> {
  const { settings, previous } = input;
  if (previous !== undefined) assertStillThere(template, settings, previous);
  const active: ActiveProfile = {
    project: previous?.project ?? template.site.project,
    profile: previous?.profile ?? selectProfile(template, settings),
  };
  assertProfileKnown(template, active, settings.namedBy.profile);
  await assertResolvable(template, active, input);
  const stores = input.stores ?? new SecretStores();
  try {
    const resolution = await resolveActive(template, active, { ...input, stores });
    return finish({ template, settings, active, stores, ...resolution });
  } finally {
    if (input.stores === undefined) await stores.dispose();
  }
}

function finish(input: Omit<BuildInput, 'userFile' | 'user'>): ResolvedConfig {
  const { template, active, resolved } = input;
  const userFile = resolveUserFile(template, active, resolved);
  const user = typeUserConfig(template, userFile);
  return deepFreeze(build({ ...input, userFile, user }));
}

/** What the values come from, and the values. */
interface Resolution {
  readonly environment: EnvironmentView;
  /** Undefined when there is no user configuration. */
  readonly resolved: ResolvedReferences | undefined;
  readonly ledger: FileLedger;
}

async function resolveActive(
  template: ConfigTemplate,
  active: ActiveProfile,
  { settings, env, signal, previous, stores }: ResolveConfigInput & { readonly stores: SecretStores },
): Promise<Resolution> {
  const limit = limitTime(settings.reloadResolveTimeoutMs, signal);
  const ledger = new FileLedger();
  const { read } = ledger;
  const environment = await loadEnvironment({ envFiles: settings.envFiles, env, signal: limit.signal, read });
  const source = template.userSource;
  if (source === undefined) return { environment, resolved: undefined, ledger };
  const local: ReferenceResolver[] = [
    createEnvResolver(environment, settings.envFiles),
    createFileResolver({ configFile: source.file, cwd: settings.cwd, read }),
  ];
  const uses = activeReferences(template, active);
  const place = { environment, configFile: source.file, signal: limit.signal, read };
  const resolvers = await openResolvers({ uses, source, local, place, limit, stores });
  const resolved = await resolveReferences({
    uses,
    source,
    resolvers,
    signal: limit.signal,
    previous: previous?.references ?? [],
  });
  return { environment, resolved, ledger };
}

interface BuildInput extends Resolution {
  readonly template: ConfigTemplate;
  readonly settings: ServerSettings;
  readonly active: ActiveProfile;
  readonly stores: SecretStores;
  readonly userFile: unknown;
  readonly user: ReturnType<typeof typeUserConfig>;
}

function build(input: BuildInput): ResolvedConfig {
  const { template, settings, active, resolved } = input;
  const config = toEffectiveConfig(input);
  const judged = { config, template, settings, active };
  return {
    project: active.project,
    profile: active.profile,
    projectRoot: settings.projectRoot,
    loadedAt: new Date(),
    ...filesOf(input),
    ...partsOf(input, config),
    ...secretsOf(input, config),
    references: resolved?.references ?? [],
    restartOnly: collectRestartOnly(config, template.references),
    warnings: [...findWarnings(judged), ...(resolved?.warnings ?? [])],
    unavailable: findUnavailable(judged),
  };
}

function filesOf({ template, settings, ledger }: BuildInput) {
  const { siteSource, userSource } = template;
  return {
    configFiles: [siteSource.file, ...(userSource === undefined ? [] : [userSource.file])],
    envFiles: settings.envFiles,
    readFiles: [...template.readFiles, ...ledger.files],
  };
}

/** What each part of the server runs with. */
function partsOf({ template, settings, active, environment, userFile }: BuildInput, config: EffectiveConfig) {
  const { siteProfile, userProfile, user, site } = config;
  const { profile } = active;
  return {
    duckdb: { ...siteProfile.duckdb, declaredAt: findDatabasePlace(template, active, settings) },
    extensions: toExtensions(template),
    paths: toPaths(site, settings.projectRoot),
    sqlTools: toSqlTools(site),
    python: { interpreter: settings.python, workers: settings.pythonWorkers },
    environment: new Concealed(environment.toEnvironment()),
    files: new Concealed(toConfigFiles({ template, userFile, profile, siteProfile })),
    transport: toTransport(user),
    logging: toLogging(user),
    refreshMs: toRefreshMs(user),
    features: { auditLogging: siteProfile.audit.enabled, telemetry: userProfile.telemetry.enabled },
  };
}

function secretsOf({ template, active, resolved, stores }: BuildInput, config: EffectiveConfig) {
  const profilePath = ['projects', active.project, 'profiles', active.profile];
  const secrets = toSecretDefinitions(config.userProfile.secrets, (index) =>
    template.userSource?.positionOf([...profilePath, 'secrets', index]),
  );
  const values = resolved?.values.map((value) => new Secret(value)) ?? [];
  const secretValues = [...secretTexts(secrets), ...hiddenTexts(config.user), ...values, ...stores.secrets()];
  return { secrets, secretValues };
}

/**
 * Throws `config_invalid` when the configuration cannot be resolved to one that runs. What this machine can tell of the sound
 * references is told as well, so that nobody meets it only after mending the rest; no store is asked.
 */
export async function assertResolvable(
  template: ConfigTemplate,
  active: ActiveProfile,
  input: ResolveConfigInput,
): Promise<void> {
  const problems = [...findDatabaseProblems(template, active, input.settings), ...template.userProblems];
  if (problems.length === 0) return;
  const uses = activeReferences(template, active).filter(isLocal);
  throw invalidConfig([...problems, ...(await findUnresolved(uses, template, input))]);
}

async function findUnresolved(
  uses: readonly ReferenceUse[],
  { userSource: source }: ConfigTemplate,
  { settings, env, signal }: ResolveConfigInput,
): Promise<readonly Problem[]> {
  if (source === undefined) return [];
  const limit = limitTime(settings.reloadResolveTimeoutMs, signal);
  const { envFiles, cwd } = settings;
  try {
    const view = await loadEnvironment({ envFiles, env, signal: limit.signal });
    const resolvers = new Map([
      ['env', createEnvResolver(view, envFiles)],
      ['file', createFileResolver({ configFile: source.file, cwd })],
    ]);
    await resolveReferences({ uses, source, resolvers, signal: limit.signal, previous: [] });
    return [];
  } catch (error) {
    if (error instanceof MxcpError) return error.problems;
    throw error;
  }
}

function isLocal({ reference }: ReferenceUse): boolean {
  return reference.kind === 'template' || reference.scheme === 'file';
}

/** What a configuration is resolved with, beside its files. */
export interface ResolveConfigInput {
  readonly settings: ServerSettings;
  /** The environment of the process. */
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Keeps logins from one resolve to the next; without it, each resolve logs in for itself. */
  readonly stores?: SecretStores | undefined;
  /** What serves now. Its project and profile stay, because only a restart changes them. */
  readonly previous?: ResolvedConfig | undefined;
}

export interface OpeningInput {
  readonly uses: readonly ReferenceUse[];
  readonly source: YamlSource;
  /** Those that need no settings: variables and files. */
  readonly local: readonly ReferenceResolver[];
  readonly stores: SecretStores;
  readonly place: SettingsPlace;
  readonly limit: TimeLimit;
}

/** A store that gives up itself says why; what is left of the time is for saying it. */
const STORES_PART = 0.9;

/** What resolves each scheme. Opens only the stores that a reference points to. */
export async function openResolvers(input: OpeningInput): Promise<ReadonlyMap<string, ReferenceResolver>> {
  const { uses, source, local, stores, place, limit } = input;
  const schemes = new Set(
    uses.flatMap(({ reference }) => (reference.kind === 'store' ? reference.scheme : [])),
  );
  const resolvers = byScheme(local);
  const sections = createStoreSections({ uses, source, resolvers, signal: limit.signal });
  const opened = await stores.openResolvers(schemes, { sections, place, limit: partOf(limit, STORES_PART) });
  return byScheme([...local, ...opened]);
}

function byScheme(resolvers: readonly ReferenceResolver[]): ReadonlyMap<string, ReferenceResolver> {
  return new Map(resolvers.map((resolver) => [resolver.scheme, resolver]));
}

export interface SectionInput {
  readonly source: YamlSource;
  readonly uses: readonly ReferenceUse[];
  /** Those that need no settings: variables and files. */
  readonly resolvers: ReadonlyMap<string, ReferenceResolver>;
  readonly signal: AbortSignal;
}

/** The settings of secret stores, which are references themselves and have to be known before the stores are asked. */
export function createStoreSections(input: SectionInput): StoreSections {
  return {
    vault: async () => (await resolveSection('vault', input)).vault,
    onepassword: async () => (await resolveSection('onepassword', input)).onepassword,
  };
}

interface Sections {
  readonly vault: VaultSection;
  readonly onepassword: OnepasswordSection;
}

async function resolveSection(key: keyof Sections, input: SectionInput): Promise<Sections> {
  const uses = input.uses.filter(({ path }) => path[0] === key);
  const fromStore = uses.find(({ reference }) => reference.kind === 'store' && reference.scheme !== 'file');
  if (fromStore !== undefined)
    throw new LastingReferenceError(
      `cannot be asked: a setting of \`${key}\` can come from variables and files, not from a store`,
    );
  const resolved = await resolveReferences({ ...input, uses, previous: [] }).catch((error: unknown) => {
    // Which ones is told at those references themselves.
    throw new Error(`cannot be asked: settings of \`${key}\` have no value`, { cause: error });
  });
  const texts = new Map(uses.map((use) => [JSON.stringify(use.path), resolved.textOf(use)]));
  const file = input.source.value;
  const section = isMapping(file) && Object.hasOwn(file, key) ? file[key] : {};
  const value = { [key]: replaceTexts(section, [key], texts) };
  const check = checkSchema({ schema: storeSections, source: input.source, value });
  if (check.ok) return check.value;
  throw problemsError(
    'config_invalid',
    `cannot be asked: with its references resolved, \`${key}\` has problems:`,
    check.problems,
  );
}
