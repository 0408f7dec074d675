import { type AuditLog, NO_FACTS } from '../audit/index.js';
import type { Caller } from '../caller/index.js';
import type { AuditFacts } from '../contract/index.js';
import { clip } from '../errors/index.js';
import { type RateLimit, RateLimiter } from '../lifecycle/index.js';
import type { AuthAttempt, RefusedRequest, ServerObserver } from '../telemetry/index.js';

const MAX_NAME_LENGTH = 200;
const MAX_REASON_LENGTH = 2000;
/** How many requests get records, of those that anyone can send and of those of callers. */
const LIMIT: RateLimit = { calls: 100, perMs: 60_000 };

/** Who can send a request that is refused. */
type Senders = 'anyone' | 'callers';

/**
 * Records requests that became no calls: without valid credentials, to a server that takes none, or with parameters that no method has. Sending such requests
 * costs nothing, so only some of a minute get records, and the others are counted. Requests without credentials cannot use up the records of the others.
 */
export class AuditRefusals implements ServerObserver {
  readonly #log: Pick<AuditLog, 'append'>;
  readonly #limiter = new RateLimiter();
  /** Refusals that got no record since the last one that did. */
  readonly #leftOut = { anyone: 0, callers: 0 };

  constructor(log: Pick<AuditLog, 'append'>) {
    this.#log = log;
  }

  authenticated({ outcome, caller, client, reason }: AuthAttempt): void {
    if (outcome === 'success') return;
    this.#append('anyone', {
      ...factsOf(caller, client),
      schemaName: 'mxcp.auth',
      schemaVersion: 1,
      operationType: 'auth',
      operationName: outcome,
      callerType: 'http',
      error: reason ?? null,
    });
  }

  requestRefused({
    surface,
    request,
    target,
    code,
    reason,
    caller,
    client,
    requestId,
    sessionId,
    group,
  }: RefusedRequest): void {
    const isAdmin = surface === 'admin';
    // The page of a request is looked at before its credentials.
    this.#append(code === 'forbidden_origin' ? 'anyone' : 'callers', {
      ...factsOf(caller, client),
      schemaName: isAdmin ? 'mxcp.admin' : 'mxcp.endpoints',
      schemaVersion: isAdmin ? 1 : 2,
      operationType: isAdmin ? 'admin' : (target?.kind ?? 'request'),
      operationName: clip(target?.name ?? request, MAX_NAME_LENGTH),
      callerType: surface,
      error: clip(reason, MAX_REASON_LENGTH),
      errorCode: code,
      group: group ?? null,
      requestId: requestId === undefined ? null : clip(String(requestId), MAX_NAME_LENGTH),
      sessionId: sessionId === undefined ? null : clip(sessionId, MAX_NAME_LENGTH),
    });
  }

  #append(senders: Senders, facts: Omit<AuditFacts, 'operationStatus'>): void {
    if (this.#limiter.take([{ name: senders, key: '', limit: LIMIT }]) !== undefined) {
      this.#leftOut[senders] += 1;
      return;
    }
    const output = `{"left_out":${this.#leftOut[senders]}}`;
    this.#leftOut[senders] = 0;
    // The log has reported the failure, and the next record that can be written counts this one as missing.
    void this.#log.append({ ...facts, operationStatus: 'error' }, { input: 'null', output }).catch(() => undefined);
  }
}

function factsOf(caller: Caller | undefined, client: string | undefined) {
  const { userId = null, username = null } = caller ?? {};
  return { ...NO_FACTS, userId, username, client: client ?? null };
}
