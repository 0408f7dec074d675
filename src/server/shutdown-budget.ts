const CALLS_SHARE = 0.8;
const HOOKS_SHARE = 0.3;
const MAX_HOOKS_MS = 5000;

/** How long `on_shutdown` hooks may take, of the time that an orderly end may take. */
export function shutdownHooksMs(shutdownTimeoutMs: number): number {
  return Math.min(MAX_HOOKS_MS, shutdownTimeoutMs * HOOKS_SHARE);
}

/** How long running calls may take; the rest is for what comes after them, `on_shutdown` hooks among it where there are any. */
export function shutdownCallsMs(shutdownTimeoutMs: number, hasHooks: boolean): number {
  return shutdownTimeoutMs * (hasHooks ? CALLS_SHARE - HOOKS_SHARE : CALLS_SHARE);
}
