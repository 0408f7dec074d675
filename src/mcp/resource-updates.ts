import { ProtocolError, ProtocolErrorCode, type Server } from '@modelcontextprotocol/server';
import type { EndpointCalls } from '../endpoints/index.js';
import { messageOf } from '../errors/index.js';
import type { Logger } from '../logging/index.js';

/** Resources whose content may be another one: all, or these URIs and templates. */
export type UpdatedResources = 'all' | ReadonlySet<string>;

/** The SDK's server object of one client, with what the client has subscribed to. */
export type SubscribableServer = Server & { readonly subscriptions: Set<string> };

/** Of one session, and of one stream of revision 2026-07-28. */
const MAX_SUBSCRIPTIONS = 100;

/** The subscriptions of the 2025 revisions, which belong to a session. Its server object holds them. */
export function serveSubscriptions(server: SubscribableServer, mayRead: (uri: string) => boolean): void {
  server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    if (!mayRead(uri)) throw refusal(`Resource not found: ${uri.slice(0, 200)}`);
    if (server.subscriptions.size >= MAX_SUBSCRIPTIONS && !server.subscriptions.has(uri))
      throw refusal(`A session may subscribe to at most ${MAX_SUBSCRIPTIONS} resources`);
    server.subscriptions.add(uri);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    server.subscriptions.delete(uri);
    return {};
  });
}

function refusal(message: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

/** The URIs of a request for a stream of notifications (2026-07-28) that are allowed, and the request with only these. */
export function withAllowedUris<T>(
  message: T,
  isAllowed: (uri: string) => boolean,
): { readonly message: T; readonly uris: readonly string[] } {
  const asked = fieldOf(fieldOf(message, 'params'), 'notifications');
  const listed: unknown = fieldOf(asked, 'resourceSubscriptions');
  // The SDK refuses what is no list of texts.
  if (!Array.isArray(listed) || !listed.every((uri) => typeof uri === 'string')) return { message, uris: [] };
  const uris = [...new Set<string>(listed)].slice(0, MAX_SUBSCRIPTIONS).filter(isAllowed);
  const notifications = { ...Object(asked), resourceSubscriptions: uris };
  return { message: { ...message, params: { ...Object(fieldOf(message, 'params')), notifications } }, uris };
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

/** Notifies one client of what it has subscribed to, or listens for. */
export async function sendUpdates(
  server: SubscribableServer,
  isUpdated: (uri: string) => boolean,
  listened: Iterable<string> = [],
): Promise<void> {
  for (const uri of new Set([...server.subscriptions, ...listened]))
    if (isUpdated(uri)) await server.sendResourceUpdated({ uri });
}

/** How often clients are notified. */
const INTERVAL_MS = 1000;

/** Sends updates at once, and those that follow within a second together at its end. Its owner disposes it. */
export class ResourceUpdates {
  readonly #calls: Pick<EndpointCalls, 'endpoints'>;
  readonly #logger: Logger;
  readonly #send: (isUpdated: (uri: string) => boolean) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #waiting: 'all' | Set<string> | undefined;

  constructor(
    calls: Pick<EndpointCalls, 'endpoints'>,
    logger: Logger,
    send: (isUpdated: (uri: string) => boolean) => Promise<void>,
  ) {
    this.#calls = calls;
    this.#logger = logger;
    this.#send = send;
  }

  add(updated: UpdatedResources): void {
    if (this.#timer === undefined) {
      this.#start(updated);
      return;
    }
    if (updated === 'all' || this.#waiting === 'all') this.#waiting = 'all';
    else this.#waiting = new Set([...(this.#waiting ?? []), ...updated]);
    // Code may name any number of URIs.
    if (this.#waiting !== 'all' && this.#waiting.size > MAX_WAITING) this.#waiting = 'all';
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
  }

  #start(updated: UpdatedResources): void {
    this.#timer = setTimeout(() => this.#continue(), INTERVAL_MS).unref();
    const isUpdated = (uri: string): boolean =>
      updated === 'all' || updated.has(uri) || updated.has(this.#calls.endpoints.declaredUri(uri) ?? uri);
    this.#send(isUpdated).catch((error: unknown) => {
      this.#logger.warn({ reason: messageOf(error) }, 'clients could not be notified of updated resources');
    });
  }

  #continue(): void {
    const waiting = this.#waiting;
    this.#timer = undefined;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#start(waiting);
  }
}

const MAX_WAITING = 10_000;
