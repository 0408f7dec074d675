import type { VaultAnswer, VaultRequest } from './vault-client.js';

export interface RefusalContext {
  /** `Vault at https://…`. */
  readonly name: string;
  readonly request: VaultRequest;
  /** What to do about 403, in words; without it, that the policies must allow it. */
  readonly whenForbidden?: string | undefined;
}

/** Vault's answer to a request was no. */
export class VaultRefusal extends Error {
  readonly status: number;

  constructor(answer: VaultAnswer, context: RefusalContext) {
    super(describe(answer, context));
    this.status = answer.status;
  }
}

/** A clock that is off by less than this breaks no login. */
const CLOCK_TOLERANCE_MS = 60_000;

function describe(answer: VaultAnswer, context: RefusalContext): string {
  const { method, path } = context.request;
  const said = answer.errors.length === 0 ? '' : ` (${answer.errors.join('; ')})`;
  const hint = hintFor(answer, context);
  return `${context.name} answered ${answer.status} to ${method} ${path}${said}${hint === undefined ? '' : `; ${hint}`}${aboutClock(answer)}`;
}

function hintFor(answer: VaultAnswer, { request, whenForbidden }: RefusalContext): string | undefined {
  const said = answer.errors.join(' ');
  if (/\bsealed\b/i.test(said)) return 'it is sealed: unseal it';
  if (/not initialized/i.test(said)) return 'it is not initialised: `vault operator init`';
  if (/active cluster node not found|standby/i.test(said))
    return 'it is a standby and finds no active node: look at the cluster';
  if (saysNamespace(said)) return 'correct `vault.namespace`';
  switch (answer.status) {
    case 400:
      return /HTTP request to an HTTPS server/i.test(said)
        ? 'begin its address with `https://`'
        : 'look at the settings of `vault`';
    case 403:
      return whenForbidden ?? `a policy of the token must allow \`read\` on \`${request.path}\``;
    case 405:
      return 'what is mounted there cannot be read';
    case 429:
      return answer.retryAfter === undefined
        ? 'it limits the rate of requests: try again, or raise its quota'
        : `it limits the rate of requests and asks to wait ${answer.retryAfter} s`;
    default:
      return answer.status >= 500 ? 'look at its log' : undefined;
  }
}

/** Tokens of service accounts and certificates are judged by clocks. */
function aboutClock({ status, clockAheadMs }: VaultAnswer): string {
  if (clockAheadMs === undefined || ![400, 401, 403].includes(status)) return '';
  if (Math.abs(clockAheadMs) < CLOCK_TOLERANCE_MS) return '';
  const minutes = Math.round(Math.abs(clockAheadMs) / 60_000);
  return `; the clock of this machine is ${minutes} min ${clockAheadMs > 0 ? 'behind' : 'ahead of'} that of Vault: set it right`;
}

/** Vault's own words: those of a refusal may quote a path that has the word in it. */
export function saysNamespace(said: string): boolean {
  return /namespace not (?:found|authorized)/i.test(said);
}
