import { createHash } from 'node:crypto';
import { addDecision, type Caller, type Decision } from '../../caller/index.js';
import type { RateRule } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import { networkOf } from '../../http/index.js';
import { type CountedLimit, RateLimiter } from '../../lifecycle/index.js';
import type { EndpointKind } from '../definitions/endpoint-definition.js';
import type { LimitedEndpoint } from './endpoint-set.js';

/** What the limits of a generation are read from. */
export interface LimitedGeneration {
  readonly endpoints: { limitOf(kind: EndpointKind, called: string): LimitedEndpoint | undefined };
  readonly config?: { readonly rateLimit: RateRule | undefined } | undefined;
}

interface LimitedCall {
  readonly operation?: 'completion' | undefined;
  readonly kind: EndpointKind;
  readonly name: string;
  readonly context: { readonly caller: Caller; readonly origin?: { readonly client?: string | undefined } | undefined };
}

type Limit = CountedLimit & { readonly rule: RateRule; readonly what: string };

const WHOSE = { caller: ' of each caller', address: ' from each address', all: '' } as const;

/**
 * Counts calls against the limits of the current generation. What a caller has used belongs to the process, so a reload
 * neither resets a limit nor delays a change of one.
 */
export class CallRates {
  readonly #limiter = new RateLimiter();

  /** Throws `rate_limited` once `onRefused` has learnt of the decision. */
  count(call: LimitedCall, generation: LimitedGeneration, onRefused: (decision: Decision) => void): void {
    const refused = this.#limiter.take(limitsOf(call, generation));
    if (refused === undefined) return;
    const { what, rule } = refused.counted;
    const retryAfterSeconds = Math.ceil(refused.retryAfterMs / 1000);
    const allowed = `${what} allows ${rule.calls}${WHOSE[rule.by]} in ${rule.per}`;
    const reason = `too many calls: ${allowed}; try again in ${retryAfterSeconds} s`;
    onRefused(addDecision(undefined, { decision: 'deny', reason, policies: [`rate_limit of ${what}`] }));
    throw new MxcpError('rate_limited', reason, { retryAfterSeconds });
  }
}

/** Clients ask with each letter that a person types, so the limits of calls do not suit completions. */
const COMPLETIONS: RateRule = { calls: 600, perMs: 60_000, by: 'caller', per: '1m' };

function limitsOf(call: LimitedCall, { endpoints, config }: LimitedGeneration): readonly Limit[] {
  if (call.operation === 'completion') return [toLimit(COMPLETIONS, 'completion of arguments', call)];
  const limits: Limit[] = [];
  const rule = config?.rateLimit;
  if (rule !== undefined) limits.push(toLimit(rule, 'the server', call));
  const own = endpoints.limitOf(call.kind, call.name);
  if (own !== undefined) limits.push(toLimit(own.rule, own.label, call));
  return limits;
}

function toLimit(rule: RateRule, what: string, call: LimitedCall): Limit {
  return { name: what, key: keyOf(rule, call), limit: rule, rule, what };
}

/** Callers without a name are known by their address. Long names are hashed, because the keys of a limit must stay small. */
function keyOf({ by }: RateRule, { context: { caller, origin } }: LimitedCall): string {
  if (by === 'all') return '';
  const { provider, userId, username, email } = caller;
  const user = userId ?? username ?? email;
  if (by === 'address' || user === null) return `address ${networkOf(origin?.client)}`;
  const key = JSON.stringify([provider, user]);
  return `user ${key.length > MAX_KEY_LENGTH ? createHash('sha256').update(key).digest('base64') : key}`;
}

const MAX_KEY_LENGTH = 100;
