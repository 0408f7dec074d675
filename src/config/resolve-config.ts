import { deepFreeze } from '../lifecycle/index.js';
import { Concealed } from './concealed.js';
import type { ConfigTemplate } from './config-template.js';
import { FileLedger } from './files/file-ledger.js';
import { createEnvResolver } from './references/env.js';
import { loadEnvironment, type EnvironmentView } from './references/environment-view.js';
import { createFileResolver } from './references/file.js';
import { limitTime } from './references/http/time-limit.js';
import type { ReferenceResolver } from './references/reference-resolver.js';
import { resolveReferences, type ResolvedReferences } from './references/resolve-references.js';
import { SecretStores } from './references/secret-stores.js';
import type { ResolvedConfig } from './resolved-config.js';
import {
  activeReferences,
  resolveUserFile,
  typeUserConfig,
  type ActiveProfile,
} from './resolve/active-user-config.js';
import { toEffectiveConfig, type EffectiveConfig } from './resolve/effective-config.js';
import { findWarnings } from './resolve/find-warnings.js';
import { assertResolvable } from './resolve/assert-resolvable.js';
import { findDatabasePlace } from './resolve/database-place.js';
import type { ResolveConfigInput } from './resolve/resolve-config-input.js';
import { collectRestartOnly } from './resolve/restart-only.js';
import { hiddenTexts } from './resolve/hidden-texts.js';
import { secretTexts, toSecretDefinitions } from './resolve/secret-definitions.js';
import { assertProfileKnown, assertStillThere, selectProfile } from './resolve/select-profile.js';
import {
  toExtensions,
  toLogging,
  toPaths,
  toRefreshMs,
  toSqlTools,
  toTransport,
} from './resolve/to-parts.js';
import { toConfigFiles } from './resolve/to-config-files.js';
import { openResolvers } from './resolve/open-resolvers.js';
import { findUnavailable } from './resolve/unavailable-settings.js';
import { Secret } from './secret.js';
import type { ServerSettings } from './settings/server-settings.js';

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
  assertProfileKnown(template, active, settings.profileNamedBy);
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
