import { z } from 'zod';
import { messageOf } from '../../errors/index.js';
import { FileReadError, readTextFile } from '../../files/index.js';
import { Backoff, type Disposable, limitTime, LONGEST_TIMER_MS, type TimeLimit } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import { Secret } from '../../logging/index.js';
import { unexpectedAnswer, type VaultClient, VaultRefusal, type VaultRequest } from './vault-client.js';
import type { LoginMethod, ValueOrFile, VaultLogin } from './vault-settings.js';

/** A token with less time left is replaced before use, so that it outlives a resolve. */
const MIN_REMAINING_MS = 15_000;

/** For short-lived tokens, this part of their first lease is enough: at least one resolve can use them. */
const MIN_REMAINING_PART = 1 / 10;

/** A token is renewed after this part of its lease, as by Vault's own agent. */
const RENEW_AT = 2 / 3;
const RENEWAL_PAUSES = { firstMs: 1_000, longestMs: 60_000 } as const;
const RENEWAL_LIMIT_MS = 10_000;

interface IssuedToken {
  readonly token: Secret;
  /** Undefined for a token that never ends, or if Vault does not say. */
  readonly leaseSeconds: number | undefined;
  readonly renewable: boolean;
}

interface HeldToken extends Omit<IssuedToken, 'leaseSeconds'> {
  /** By `performance.now()`; undefined when there is no known end. */
  readonly endsAt: number | undefined;
  readonly firstLeaseMs: number | undefined;
  /** Why the last renewal failed. */
  readonly failing: string | undefined;
}

/**
 * Holds the token of a session: logs in when there is none, renews it in the background until it is disposed, and reports its
 * state. A configured token is renewed too, but cannot be replaced.
 */
export class VaultToken implements Disposable {
  readonly #client: VaultClient;
  readonly #login: VaultLogin;
  readonly #logger: Logger;
  readonly #disposed = new AbortController();
  readonly #pauses = new Backoff(RENEWAL_PAUSES);
  #held: HeldToken | undefined;
  #acquiring: Promise<Secret> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sent: readonly Secret[] = [];

  constructor(client: VaultClient, login: VaultLogin, logger: Logger) {
    this.#client = client;
    this.#login = login;
    this.#logger = logger;
  }

  /** The token for a request; undefined when an agent adds its own. Concurrent calls share one login. */
  async acquire(limit: TimeLimit): Promise<Secret | undefined> {
    if (this.#login.kind === 'none') return undefined;
    if (this.#held !== undefined && this.#isUsable(this.#held)) return this.#held.token;
    this.#acquiring ??= this.#obtain(this.#login, limit).finally(() => {
      this.#acquiring = undefined;
    });
    return this.#acquiring;
  }

  /** After Vault rejected this token. Returns true when Vault does not know it and the next `acquire` gets another one. */
  async isLost(token: Secret, limit: TimeLimit): Promise<boolean> {
    if ((await this.#lookUp(token, limit)) !== undefined) return false;
    if (this.#login.kind === 'none' || this.#login.kind === 'given') return false;
    if (this.#held?.token === token) this.#drop();
    return true;
  }

  /** The state of the token, and whether a person should act. */
  report(): { readonly status: 'ok' | 'failing'; readonly message: string } {
    const { status = 'ok', message } = describeToken(this.#login, this.#held, performance.now());
    return { status, message };
  }

  /** How long the token is valid without a renewal; undefined if unknown, or wrong because the token still works. */
  get remainingSeconds(): number | undefined {
    const remainingMs = (this.#held?.endsAt ?? 0) - performance.now();
    return remainingMs > 0 ? remainingMs / 1000 : undefined;
  }

  /** The token and the credentials of the last login. */
  secrets(): readonly Secret[] {
    return this.#held === undefined ? this.#sent : [this.#held.token, ...this.#sent];
  }

  dispose(): void {
    this.#disposed.abort();
    clearTimeout(this.#timer);
  }

  #isUsable({ endsAt, firstLeaseMs = 0 }: HeldToken): boolean {
    // A configured token is used to its end and beyond: Vault knows better than we do.
    if (this.#login.kind === 'given' || endsAt === undefined) return true;
    return endsAt - performance.now() > Math.min(MIN_REMAINING_MS, firstLeaseMs * MIN_REMAINING_PART);
  }

  async #obtain(login: Exclude<VaultLogin, { kind: 'none' }>, limit: TimeLimit): Promise<Secret> {
    if (login.kind === 'given') {
      const { token } = login;
      const known = await this.#lookUp(token, limit);
      this.#hold(known ?? { token, leaseSeconds: undefined, renewable: false });
      return token;
    }
    const credentials = await loadCredentials(login, limit.signal);
    this.#sent = Object.values(credentials).map((value) => new Secret(value));
    const whenForbidden = `the ${login.kind} login was refused: check \`vault.auto_auth\` and the role`;
    const path = `${login.mountPath}/login`;
    const issued = await this.#issue({ method: 'POST', path, body: credentials }, limit, whenForbidden);
    this.#hold(issued);
    return issued.token;
  }

  /** What Vault knows about a token; `undefined` if it does not say, or does not know it. */
  async #lookUp(token: Secret, limit: TimeLimit): Promise<IssuedToken | undefined> {
    const path = 'auth/token/lookup-self';
    const request = this.#inNamespace({ method: 'GET', path, token: token.reveal() });
    const answer = await this.#client.ask(request, limit);
    if (answer.status === 403 || answer.status === 404) return undefined;
    if (answer.status !== 200) throw new VaultRefusal(answer, this.#client, request);
    const { data: parsed } = lookupAnswer.safeParse(answer.body);
    if (parsed === undefined) throw unexpectedAnswer(this.#client, request);
    const { ttl, renewable } = parsed.data;
    return { token, leaseSeconds: ttl > 0 ? ttl : undefined, renewable };
  }

  /** Sends a login or a renewal. Throws `VaultRefusal`. */
  async #issue(wanted: VaultRequest, limit: TimeLimit, whenForbidden?: string): Promise<IssuedToken> {
    const request = this.#inNamespace(wanted);
    const answer = await this.#client.ask(request, limit);
    if (answer.status !== 200) throw new VaultRefusal(answer, this.#client, request, whenForbidden);
    const { data } = issueAnswer.safeParse(answer.body);
    if (data === undefined) throw unexpectedAnswer(this.#client, request);
    const { client_token: token, lease_duration: lease, renewable } = data.auth;
    return { token: new Secret(token), leaseSeconds: lease > 0 ? lease : undefined, renewable };
  }

  /** A token is known only in the namespace of its login; undefined is the namespace of the section. */
  #inNamespace(request: VaultRequest): VaultRequest {
    return { ...request, namespace: 'namespace' in this.#login ? this.#login.namespace : undefined };
  }

  #hold({ token, leaseSeconds, renewable }: IssuedToken): void {
    const leaseMs = leaseSeconds === undefined ? undefined : leaseSeconds * 1000;
    const firstLeaseMs = this.#held?.token === token ? this.#held.firstLeaseMs : leaseMs;
    // Near its maximum age, each renewal gives less time; a fresh login is better then.
    const isWorn = firstLeaseMs !== undefined && leaseMs !== undefined && leaseMs < firstLeaseMs / 3;
    const endsAt = leaseMs === undefined ? undefined : performance.now() + leaseMs;
    this.#held = { token, endsAt, firstLeaseMs, renewable: renewable && !isWorn, failing: undefined };
    this.#pauses.reset();
    // Random, so that many servers do not come at the same moment.
    if (leaseMs !== undefined && this.#held.renewable) this.#schedule(leaseMs * RENEW_AT * (1 - Math.random() / 10));
    else clearTimeout(this.#timer);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#held = undefined;
  }

  #schedule(pauseMs: number): void {
    clearTimeout(this.#timer);
    if (this.#disposed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#renew(), Math.min(pauseMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  /** Never throws: failures become part of the state. */
  async #renew(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    const { token } = held;
    const limit = limitTime(RENEWAL_LIMIT_MS, this.#disposed.signal);
    const request = { method: 'POST', path: 'auth/token/renew-self', token: token.reveal(), body: {} } as const;
    try {
      const renewed = await this.#issue(request, limit);
      if (this.#held !== held) return;
      // The same `Secret`, because tokens are compared by identity.
      this.#hold({ ...renewed, token });
      if (held.failing !== undefined) this.#logger.info('renewed the Vault token again');
    } catch (error) {
      if (!this.#disposed.signal.aborted && this.#held === held) this.#renewalFailed(held, error);
    }
  }

  #renewalFailed(held: HeldToken, error: unknown): void {
    if (error instanceof VaultRefusal && error.status === 403 && this.#login.kind !== 'given') {
      this.#drop();
      return;
    }
    const reason = messageOf(error);
    if (held.failing === undefined) this.#logger.warn({ reason }, 'could not renew the Vault token');
    this.#held = { ...held, failing: reason };
    const hasEnded = held.endsAt !== undefined && held.endsAt <= performance.now();
    const pauseMs = this.#pauses.next();
    if (!hasEnded) this.#schedule(pauseMs);
  }
}

const issueAnswer = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    lease_duration: z.number().default(0),
    renewable: z.boolean().default(false),
  }),
});

const lookupAnswer = z.object({
  data: z.object({ ttl: z.number().default(0), renewable: z.boolean().default(false) }),
});

const MAX_CREDENTIAL_BYTES = 64 * 1024;

/** What a login sends, by Vault's names. Read at each login, because files of service accounts change all the time. */
async function loadCredentials(method: LoginMethod, signal: AbortSignal): Promise<Record<string, string>> {
  if (method.kind !== 'approle') {
    const jwt = await readCredential({ file: method.jwtFile ?? '' }, signal);
    return { role: method.role ?? '', jwt };
  }
  const [roleId, secretId] = await Promise.all(
    [method.roleId, method.secretId].map((part) => part && readCredential(part, signal)),
  );
  return { role_id: roleId ?? '', ...(secretId !== undefined && { secret_id: secretId }) };
}

async function readCredential(part: ValueOrFile, signal: AbortSignal): Promise<string> {
  if ('value' in part) return part.value.reveal();
  try {
    return (await readTextFile(part.file, { maxBytes: MAX_CREDENTIAL_BYTES, signal })).trim();
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    throw new Error(`cannot log in to Vault: the file ${part.file} ${error.message}`, { cause: error });
  }
}

/** A token that we cannot replace needs attention when less than this part of its lease is left. */
const LATE_PART = 1 / 5;

function describeToken(
  login: VaultLogin,
  held: HeldToken | undefined,
  now: number,
): { readonly status?: 'failing' | undefined; readonly message: string } {
  if (login.kind === 'none') return { message: 'the agent has the token' };
  if (held === undefined) return { message: 'logs in when the first reference needs it' };
  const isGiven = login.kind === 'given';
  const token = isGiven ? `the token from ${login.from}` : `the token of the ${login.kind} login`;
  const { endsAt, failing, firstLeaseMs = 0, renewable } = held;
  if (endsAt === undefined) return { message: `${token} has no known end` };
  const remainingMs = endsAt - now;
  const next = isGiven ? '; replace it' : '; the next reload logs in';
  if (remainingMs <= 0)
    return {
      status: isGiven ? 'failing' : undefined,
      message: `${token} ended ${formatSpan(-remainingMs)} ago${next}`,
    };
  const ends = `${token} ends in ${formatSpan(remainingMs)}`;
  if (failing !== undefined) return { status: 'failing', message: `${ends}, and renewing it fails: ${failing}` };
  if (renewable) return { message: `${ends}, and is renewed before` };
  const isLate = isGiven && remainingMs < firstLeaseMs * LATE_PART;
  return { status: isLate ? 'failing' : undefined, message: `${ends} and cannot be renewed${next}` };
}

/** About how long: `3m`, `2h`, `5d`. */
function formatSpan(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
