const CALLS: ReadonlySet<unknown> = new Set(['tools/call', 'resources/read', 'prompts/get', 'completion/complete']);

/** What makes a client stay: a session, a stream. */
const OPENINGS: ReadonlySet<unknown> = new Set([
  'initialize',
  'server/discover',
  'subscriptions/listen',
  'resources/subscribe',
]);

/** Whether a server that is out of rotation refuses this method of a client that can find no other server, as over stdio. */
export function isCall(method: unknown): boolean {
  return CALLS.has(method);
}

/** Whether it refuses the method of a client that may find another server. Lists, pings and notifications are still answered. */
export function beginsWork(method: unknown): boolean {
  return CALLS.has(method) || OPENINGS.has(method);
}

export const OUT_OF_ROTATION = 'The server is out of rotation and takes no new calls; try another one, or again later';
