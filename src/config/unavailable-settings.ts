import { problemsError, type SourcePosition } from '../errors/index.js';
import type { ServerSettings } from '../settings/index.js';
import type { KeyPath } from '../yaml/index.js';
import type { ActiveProfile } from './active-profile.js';
import { type EffectiveConfig, settingPlace, userPosition } from './effective-config.js';
import type { ConfigTemplate } from './load-config.js';
import type { ResolvedConfig, UnavailableSetting } from './resolved-config.js';

export interface JudgedConfig {
  readonly config: EffectiveConfig;
  readonly template: ConfigTemplate;
  readonly settings: ServerSettings;
  readonly active: ActiveProfile;
}

/** What the configuration asks for and this version does not have, each with where it stands and how to go on. */
export function findUnavailable(judged: JudgedConfig): readonly UnavailableSetting[] {
  return [...unavailableAuth(judged), ...unavailableAudit(judged), ...unavailableFeatures(judged)];
}

function unavailableAuth({
  config,
  template,
  active,
  settings,
}: JudgedConfig): readonly UnavailableSetting[] {
  const { auth } = config.userProfile;
  const base = ['projects', active.project, 'profiles', active.profile, 'auth'];
  const found: UnavailableSetting[] = [];
  const refuse = (path: KeyPath, message: string) =>
    found.push(protection(userPosition(template, settings, path), path, message));
  if (auth.provider !== 'none') {
    refuse(
      [...base, 'provider'],
      `this version cannot enforce authentication with \`${auth.provider}\` and does not serve without it; remove the \`auth\` section if everybody who reaches the server may call it`,
    );
  } else if (auth.mode === 'verifier') {
    refuse(
      [...base, 'mode'],
      'this version cannot verify tokens and does not serve without it; remove the `auth` section if everybody who reaches the server may call it',
    );
  }
  if (auth.provider === 'none' && auth.authorization.required_scopes.length > 0) {
    refuse(
      [...base, 'authorization', 'required_scopes'],
      'this version cannot enforce scopes and does not serve without it; remove `required_scopes`',
    );
  }
  return found;
}

function unavailableAudit({
  config,
  template,
  active,
  settings,
}: JudgedConfig): readonly UnavailableSetting[] {
  if (!config.siteProfile.audit.enabled) return [];
  const path = ['profiles', active.profile, 'audit', 'enabled'];
  const byVariable = settings.auditEnabled === true;
  const mend = byVariable ? 'unset it' : 'set `audit.enabled` to false';
  const message = `this version cannot write the audit log and does not serve without it; ${mend} if calls need no record`;
  const place = byVariable ? settingPlace('MXCP_AUDIT_ENABLED') : template.siteSource.positionOf(path);
  return [protection(place, path, message)];
}

function unavailableFeatures({ config, template, settings }: JudgedConfig): readonly UnavailableSetting[] {
  const found: UnavailableSetting[] = [];
  if (config.site.plugin.length > 0) {
    const problem = {
      ...template.siteSource.positionOfKey(['plugin']),
      path: 'plugin',
      message: 'this version has no plugins, so endpoints that use them would fail; remove `plugin`',
    };
    found.push({ code: 'feature_unavailable', problem });
  }
  if (config.user.transport.provider === 'sse') {
    const path = ['transport', 'provider'];
    const byOption = settings.transport === 'sse';
    const place = byOption ? settingPlace('--transport sse') : userPosition(template, settings, path);
    const subject = byOption ? '' : '`transport.provider: sse`: ';
    const message = `${subject}this version has no \`sse\` transport; use \`streamable-http\`, which today's clients speak, or \`stdio\``;
    found.push({ code: 'feature_unavailable', problem: { ...place, path: path.join('.'), message } });
  }
  return found;
}

function protection(position: SourcePosition, path: KeyPath, message: string): UnavailableSetting {
  return { code: 'protection_unavailable', problem: { ...position, path: path.join('.'), message } };
}

/**
 * Refuses a configuration that asks for what this version does not have. Throws `protection_unavailable` when anything
 * of it protects, else `feature_unavailable`; both list everything.
 */
export function assertProtections(config: Pick<ResolvedConfig, 'unavailable'>): void {
  const { unavailable } = config;
  if (unavailable.length === 0) return;
  const protects = unavailable.some((setting) => setting.code === 'protection_unavailable');
  throw problemsError(
    protects ? 'protection_unavailable' : 'feature_unavailable',
    protects
      ? 'the configuration asks for a protection that this version does not have:'
      : 'the configuration asks for something that this version does not have:',
    unavailable.map((setting) => setting.problem),
  );
}
