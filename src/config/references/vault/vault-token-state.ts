import type { Secret } from '../../secret.js';
import type { VaultLogin } from './vault-settings.js';

export type TokenState =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'held';
      readonly token: Secret;
      /** By `performance.now()`; undefined when it does not end, or nobody knows. */
      readonly endsAt: number | undefined;
      /** What it was good for at first. */
      readonly firstLeaseMs: number | undefined;
      readonly renewable: boolean;
      /** Why the last renewal failed. */
      readonly failing: string | undefined;
    };

/** A token that cannot be replaced by us is worth a word when this part of its time is left. */
const LATE = 1 / 5;

/** How the token is, for a person, and whether that person should do something. */
export function describeToken(
  login: VaultLogin,
  state: TokenState,
  now: number,
): { readonly status: 'ok' | 'failing'; readonly message: string } {
  if (login.kind === 'none') return { status: 'ok', message: 'the agent has the token' };
  const source =
    login.kind === 'given' ? `the token of ${login.from}` : `the token of the ${login.kind} login`;
  if (state.kind === 'none') return { status: 'ok', message: 'logs in when it is needed' };
  const { endsAt, failing, firstLeaseMs, renewable } = state;
  if (endsAt === undefined) return { status: 'ok', message: `${source} has no known end` };
  const leftMs = endsAt - now;
  const replace = login.kind === 'given' ? '; put a new one there' : '; the next reload logs in';
  if (leftMs <= 0) {
    const status = login.kind === 'given' ? 'failing' : 'ok';
    return { status, message: `${source} ended ${formatSpan(-leftMs)} ago${replace}` };
  }
  const ends = `${source} ends in ${formatSpan(leftMs)}`;
  if (failing !== undefined) return { status: 'failing', message: `${ends}, renewal failing: ${failing}` };
  if (renewable) return { status: 'ok', message: `${ends}, and is renewed before` };
  const isLate = login.kind === 'given' && leftMs < (firstLeaseMs ?? 0) * LATE;
  return { status: isLate ? 'failing' : 'ok', message: `${ends} and cannot be renewed${replace}` };
}

/** `3m`, `2h`, `5d`: how long it is, roughly. */
function formatSpan(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
