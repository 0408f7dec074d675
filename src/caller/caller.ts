import { randomUUID } from 'node:crypto';
import { MxcpError } from '../errors/index.js';

/**
 * Who makes a call, as authentication found it. SQL functions, Python code, policies, limits, logs and the audit log all read this
 * one object; nothing changes it during a call.
 */
export interface Caller {
  /** The identity provider's own, stable name for the user. */
  readonly userId: string | null;
  readonly username: string | null;
  readonly email: string | null;
  /** The full name, for people. */
  readonly name: string | null;
  readonly provider: string | null;
  /** `anonymous` for a caller whom nothing has authenticated. */
  readonly role: string;
  readonly permissions: readonly string[];
  /** What the project grants by the claims of the user (`claim_mappings`). */
  readonly capabilities: readonly string[];
  /** Of the access token. */
  readonly scopes: readonly string[];
  /** The identity provider's token of the user, with which code may ask other services. Secret. */
  readonly externalToken: string | null;
  /** What the identity provider says about the user. May hold personal data. */
  readonly profile: Readonly<Record<string, unknown>> | null;
  /** Lower-case names. Absent when the call did not come over HTTP. */
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
}

export const ANONYMOUS: Caller = {
  userId: null,
  username: null,
  email: null,
  name: null,
  provider: null,
  role: 'anonymous',
  permissions: [],
  capabilities: [],
  scopes: [],
  externalToken: null,
  profile: null,
};

/** A `user_context` as people write it: in tests of endpoints, and for `--user-context`. */
export type UserContext = Readonly<Record<string, unknown>>;

const ROLE_OF_USERS = 'user';

/** The caller that a `user_context` describes; without a field that names a user or a right, the anonymous one. */
export function toCaller(context: UserContext): Caller {
  const text = (key: string): string | null => (typeof context[key] === 'string' ? context[key] : null);
  const list = (key: string): readonly string[] => {
    const value = context[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  };
  const profile = context['raw_profile'];
  const caller = {
    userId: text('user_id'),
    username: text('username'),
    email: text('email'),
    name: text('name'),
    provider: text('provider'),
    permissions: list('permissions'),
    capabilities: list('capabilities'),
    scopes: list('scopes'),
    externalToken: text('external_token'),
    profile: isRecord(profile) ? profile : null,
  };
  const isKnown = Object.values(caller).some((value) => value !== null && (!Array.isArray(value) || value.length > 0));
  return { ...caller, role: text('role') ?? (isKnown ? ROLE_OF_USERS : ANONYMOUS.role) };
}

/** The `user_context` that describes a caller. */
export function toUserContext(caller: Caller): UserContext {
  const { userId, externalToken, profile, requestHeaders: _, ...rest } = caller;
  return { ...rest, user_id: userId, external_token: externalToken, raw_profile: profile };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the protections decided about one call. */
export interface Decision {
  /** The client gets it beside the reason, never the rule; log, trace and audit log have it too. */
  readonly id: string;
  /** `warn`: allowed, with a changed result or with a rule that would have denied it. */
  readonly decision: 'allow' | 'deny' | 'warn';
  readonly reason: string | null;
  /** The rules that were evaluated, in order. */
  readonly policies: readonly string[];
  /** Those that applied and changed nothing, because they are only logged. */
  readonly onlyLogged?: readonly string[] | undefined;
  /** Those that could not be evaluated and so counted as applying, with the reason. */
  readonly failed?: Readonly<Record<string, string>> | undefined;
}

const ORDER = { allow: 0, warn: 1, deny: 2 } as const;

/** Adds what a further protection decided about the same call. The strictest decision counts, and the id stays. */
export function addDecision(earlier: Decision | undefined, later: Omit<Decision, 'id'>): Decision {
  if (earlier === undefined) return { id: randomUUID(), ...later };
  const { decision, reason } = ORDER[later.decision] > ORDER[earlier.decision] ? later : earlier;
  return {
    id: earlier.id,
    decision,
    reason,
    policies: [...earlier.policies, ...later.policies],
    onlyLogged: joined(earlier.onlyLogged, later.onlyLogged),
    failed: earlier.failed || later.failed ? { ...earlier.failed, ...later.failed } : undefined,
  };
}

function joined(earlier: readonly string[] = [], later: readonly string[] = []): readonly string[] | undefined {
  return earlier.length + later.length === 0 ? undefined : [...earlier, ...later];
}

interface DenialDetails {
  /** May quote what is refused. */
  readonly detail?: string | undefined;
  readonly advice: string;
  /** Whether the caller has written what is refused, as opposed to the project. */
  readonly isByCaller: boolean;
}

/** What a part that knows no call has refused to do for one. Nothing of it has run; who runs the call records the decision. */
export class DeniedByRule extends MxcpError {
  /** Without any word that the caller has sent. */
  readonly reason: string;
  /** As `Decision.policies` names it. */
  readonly rule: string;
  readonly isByCaller: boolean;

  constructor(rule: string, reason: string, { detail, advice, isByCaller }: DenialDetails) {
    const shown = detail === undefined ? reason : `${reason} (${detail})`;
    super('policy_denied', `${shown}; ${advice}`, { logMessage: `${reason}; ${advice}` });
    this.reason = reason;
    this.rule = rule;
    this.isByCaller = isByCaller;
  }
}

/** A caller lacks scopes. */
export class InsufficientScope extends MxcpError {
  /** Everything that the endpoint needs, and not only what is missing: a client asks for a token once. */
  readonly scopes: readonly string[];

  constructor(endpoint: string, scopes: readonly string[]) {
    super('insufficient_scope', `${endpoint} needs an access token with the scopes ${scopes.join(' ')}`);
    this.scopes = scopes;
  }
}

/** Throws `InsufficientScope`. */
export function assertScopes(endpoint: string, needed: readonly string[], { scopes }: Caller): void {
  if (needed.some((scope) => !scopes.includes(scope))) throw new InsufficientScope(endpoint, needed);
}
