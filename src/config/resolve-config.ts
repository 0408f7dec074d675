import type { ConfigTemplate } from './config-template.js';
import { deepFreeze } from '../lifecycle/index.js';
import { createEnvResolver } from './references/env.js';
import { loadEnvironment } from './references/environment-view.js';
import { createFileResolver } from './references/file.js';
import type { ReferenceResolver } from './references/reference-resolver.js';
import { resolveReferences, type ResolvedReferences } from './references/resolve-references.js';
import type { ResolvedConfig } from './resolved-config.js';
import { activeReferences, typeUserConfig, type ActiveProfile } from './resolve/active-user-config.js';
import { toEffectiveConfig } from './resolve/effective-config.js';
import { findWarnings } from './resolve/find-warnings.js';
import { collectRestartOnly } from './resolve/restart-only.js';
import { secretTexts, toSecretDefinitions } from './resolve/secret-definitions.js';
import { assertProfileKnown, assertStillThere, selectProfile } from './resolve/select-profile.js';
import { toExtensions, toLogging, toPaths, toSqlTools, toTransport } from './resolve/to-parts.js';
import { findUnavailable } from './resolve/unavailable-settings.js';
import { Secret } from './secret.js';
import type { ServerSettings } from './settings/server-settings.js';
import type { Environment } from './settings/setting-reader.js';

export interface ResolveConfigInput {
  readonly settings: ServerSettings;
  /** The environment of the process. */
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** What serves now. Its project and profile stay, because only a restart changes them. */
  readonly previous?: ResolvedConfig | undefined;
}

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
  const resolved = await resolveActive(template, active, input);
  const user = typeUserConfig(template, active, resolved);
  return deepFreeze(build({ template, settings, active, resolved, user }));
}

async function resolveActive(
  template: ConfigTemplate,
  active: ActiveProfile,
  { settings, env, signal, previous }: ResolveConfigInput,
): Promise<ResolvedReferences | undefined> {
  const deadline = AbortSignal.timeout(settings.reloadResolveTimeoutMs);
  const bounded = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const view = await loadEnvironment({ envFiles: settings.envFiles, env, signal: bounded });
  const source = template.userSource;
  if (source === undefined) return undefined;
  const resolvers: ReferenceResolver[] = [
    createEnvResolver(view, settings.envFiles),
    createFileResolver({ configFile: source.file, cwd: settings.cwd }),
  ];
  return resolveReferences({
    uses: activeReferences(template, active),
    source,
    resolvers: new Map(resolvers.map((resolver) => [resolver.scheme, resolver])),
    signal: bounded,
    previous: previous?.references ?? [],
  });
}

interface BuildInput {
  readonly template: ConfigTemplate;
  readonly settings: ServerSettings;
  readonly active: ActiveProfile;
  readonly resolved: ResolvedReferences | undefined;
  readonly user: ReturnType<typeof typeUserConfig>;
}

function build({ template, settings, active, resolved, user }: BuildInput): ResolvedConfig {
  const config = toEffectiveConfig({ template, user, settings, active });
  const judged = { config, template, settings, active };
  const profilePath = ['projects', active.project, 'profiles', active.profile];
  const secrets = toSecretDefinitions(config.userProfile.secrets, (index) =>
    template.userSource?.positionOf([...profilePath, 'secrets', index]),
  );
  const values = resolved?.values.map((value) => new Secret(value)) ?? [];
  return {
    project: active.project,
    profile: active.profile,
    projectRoot: settings.projectRoot,
    configFiles: [
      template.siteSource.file,
      ...(template.userSource === undefined ? [] : [template.userSource.file]),
    ],
    envFiles: settings.envFiles,
    loadedAt: new Date(),
    duckdb: config.siteProfile.duckdb,
    extensions: toExtensions(config.site),
    secrets,
    paths: toPaths(config.site, settings.projectRoot),
    sqlTools: toSqlTools(config.site),
    transport: toTransport(config.user),
    logging: toLogging(config.user),
    features: {
      auditLogging: config.siteProfile.audit.enabled,
      telemetry: config.userProfile.telemetry.enabled,
    },
    references: resolved?.references ?? [],
    restartOnly: collectRestartOnly(config, template.references),
    secretValues: [...secretTexts(secrets), ...values],
    warnings: [...findWarnings(judged), ...(resolved?.warnings ?? [])],
    unavailable: findUnavailable(judged),
  };
}
