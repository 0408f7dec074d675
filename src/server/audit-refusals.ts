import { type AuditLog, NO_FACTS } from '../audit/index.js';
import type { Caller } from '../caller/index.js';
import type { AuditFacts } from '../contract/index.js';
import { clip } from '../errors/index.js';
import type { AuthAttempt, RefusedRequest, ServerObserver } from '../telemetry/index.js';

const MAX_NAME_LENGTH = 200;
const MAX_REASON_LENGTH = 2000;

/**
 * Records requests that became no calls: without valid credentials, to a server that takes none, or with parameters that no method has. Sending such requests
 * costs nothing, so only some of a minute get records, and the others are counted. Requests without credentials cannot use up the records of the others.
 */
export class AuditRefusals implements ServerObserver {
  readonly #log: Pick<AuditLog, 'append'>;
  readonly #ofAnyone = new RefusalLimit();
  readonly #ofCallers = new RefusalLimit();

  constructor(log: Pick<AuditLog, 'append'>) {
    this.#log = log;
  }

  authenticated({ outcome, caller, client, reason }: AuthAttempt): void {
    if (outcome === 'success') return;
    this.#append(this.#ofAnyone, {
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
  }: RefusedRequest): void {
    const isAdmin = surface === 'admin';
    // The page of a request is looked at before its credentials.
    const limit = code === 'forbidden_origin' ? this.#ofAnyone : this.#ofCallers;
    this.#append(limit, {
      ...factsOf(caller, client),
      schemaName: isAdmin ? 'mxcp.admin' : 'mxcp.endpoints',
      schemaVersion: isAdmin ? 1 : 2,
      operationType: isAdmin ? 'admin' : (target?.kind ?? 'request'),
      operationName: clip(target?.name ?? request, MAX_NAME_LENGTH),
      callerType: surface,
      error: clip(reason, MAX_REASON_LENGTH),
      errorCode: code,
      requestId: requestId === undefined ? null : clip(String(requestId), MAX_NAME_LENGTH),
      sessionId: sessionId === undefined ? null : clip(sessionId, MAX_NAME_LENGTH),
    });
  }

  #append(limit: RefusalLimit, facts: Omit<AuditFacts, 'operationStatus'>): void {
    if (!limit.take()) return;
    const output = `{"left_out":${limit.takeLeftOut()}}`;
    // The log has reported the failure, and the next record that can be written counts this one as missing.
    void this.#log.append({ ...facts, operationStatus: 'error' }, { input: 'null', output }).catch(() => undefined);
  }
}

function factsOf(caller: Caller | undefined, client: string | undefined) {
  const { userId = null, username = null } = caller ?? {};
  return { ...NO_FACTS, userId, username, client: client ?? null };
}

const REFUSALS_IN_MINUTE = 100;

/** How many refused requests are recorded. */
class RefusalLimit {
  #minuteEnds = 0;
  #inMinute = 0;
  #leftOut = 0;

  /** False if this one is only counted. */
  take(): boolean {
    const now = performance.now();
    if (now >= this.#minuteEnds) {
      this.#minuteEnds = now + 60_000;
      this.#inMinute = 0;
    }
    this.#inMinute += 1;
    if (this.#inMinute <= REFUSALS_IN_MINUTE) return true;
    this.#leftOut += 1;
    return false;
  }

  /** How many were only counted since the last record. */
  takeLeftOut(): number {
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
