import { ProtocolError, ProtocolErrorCode, type Server } from '@modelcontextprotocol/server';
import type { EndpointCalls } from '../endpoints/index.js';
import { clip, messageOf } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import { MissingLegacyResource } from './call-errors.js';
import { SpacedNotices } from './notices.js';
import { fieldOf } from './refused-parameters.js';

/** Resources whose content may be another one: all, or these URIs and templates. */
export type UpdatedResources = 'all' | ReadonlySet<string>;

/** The SDK's server object of one client, with what the client has subscribed to. */
export type SubscribableServer = Server & { readonly subscriptions: Set<string> };

/** Of one session, and of one stream of revision 2026-07-28. */
const MAX_SUBSCRIPTIONS = 100;
/** Each URI is kept, and compared with what has changed at every notice. */
const MAX_URI_LENGTH = 4096;

/** The subscriptions of the 2025 revisions, which belong to a session. Its server object holds them. */
export function serveSubscriptions(server: SubscribableServer, mayRead: (uri: string) => boolean): void {
  server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    if (uri.length > MAX_URI_LENGTH || !mayRead(uri))
      throw refusal(`Resource not found: ${clip(uri, 200)}`, new MissingLegacyResource(uri));
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

function refusal(message: string, data?: MissingLegacyResource): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message, data);
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
  const uris = [...new Set<string>(listed)]
    .slice(0, MAX_SUBSCRIPTIONS)
    .filter((uri) => uri.length <= MAX_URI_LENGTH && isAllowed(uri));
  const notifications = { ...Object(asked), resourceSubscriptions: uris };
  return { message: { ...message, params: { ...Object(fieldOf(message, 'params')), notifications } }, uris };
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

/** Code may name any number of URIs; beyond this many, a notice is about all. */
const MAX_WAITING = 10_000;

/** Sends updates at once, and those that follow within a second together at its end. Its owner disposes it. */
export class ResourceUpdates extends SpacedNotices<UpdatedResources> {
  constructor(
    calls: Pick<EndpointCalls, 'endpoints'>,
    logger: Logger,
    send: (isUpdated: (uri: string) => boolean) => Promise<void>,
  ) {
    super({
      quietMs: 1000,
      merge,
      send: (updated) => send(toPredicate(updated, calls.endpoints)),
      onFailure: (error) =>
        logger.warn({ reason: messageOf(error) }, 'clients could not be notified of updated resources'),
    });
  }
}

/** URIs may be written in several ways. */
function toPredicate(
  updated: UpdatedResources,
  endpoints: Pick<EndpointCalls['endpoints'], 'canonicalUri' | 'declaredUri'>,
): (uri: string) => boolean {
  if (updated === 'all') return () => true;
  const canonical = (uri: string): string => endpoints.canonicalUri(uri) ?? uri;
  const canonicalUris = new Set([...updated].map(canonical));
  return (uri) => canonicalUris.has(canonical(uri)) || updated.has(endpoints.declaredUri(uri) ?? uri);
}

function merge(waiting: UpdatedResources | undefined, updated: UpdatedResources): UpdatedResources {
  if (waiting === 'all' || updated === 'all') return 'all';
  const both = new Set([...(waiting ?? []), ...updated]);
  return both.size > MAX_WAITING ? 'all' : both;
}
