import type { Caller } from '../caller/index.js';
import type { CacheRule, Icon } from '../config/index.js';
import type { EndpointCalls } from '../endpoints/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { Observers } from '../telemetry/index.js';
import type { AccessRecord } from './access-log.js';
import type { Notify } from './call-notifications.js';
import type { ListChanges } from './listings.js';
import type { UpdatedResources } from './resource-updates.js';
import type { ResultSplices } from './results.js';

/** The open transport: an HTTP port, or the streams of stdio. Its opener closes it. */
export interface ClientTransport {
  /** Where clients connect, e.g. `http://localhost:8000/mcp`; undefined for stdio. */
  readonly url: string | undefined;
  /** Resolves when the client of stdio has disconnected: the input ended, the output broke, or `close`. Never over HTTP. */
  readonly clientGone: Promise<void>;
  notifyListChanged(changes: ListChanges): Promise<void>;
  /** Notifies the clients that subscribed to these. Returns at once. */
  notifyResourcesUpdated(updated: UpdatedResources): void;
  /** Accepts nothing new, lets running calls end until the deadline, then cancels the rest. Later calls wait for the first. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

/** What both transports need. */
export interface McpOptions {
  readonly calls: EndpointCalls;
  /** Which endpoints clients get; undefined for all of them. */
  readonly group?: string | undefined;
  /** What clients show of the server. */
  readonly info: {
    readonly name: string;
    readonly version: string;
    readonly title?: string | undefined;
    readonly description?: string | undefined;
    readonly websiteUrl?: string | undefined;
    readonly icons?: readonly Icon[] | undefined;
  };
  /** What a client should tell its model about the server. */
  readonly instructions?: string | undefined;
  /** How long clients may keep lists, and whether they may show them to others. */
  readonly listCache?: CacheRule | undefined;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  /** Whether each request gets a line in the log. */
  readonly accessLog?: boolean | undefined;
  /** While it has a time, the server is out of rotation: running calls end, and no new ones begin. */
  readonly rotation?: { readonly drainingSince: Date | undefined } | undefined;
  /** Who may want to know where the calls spend their time, of requests that are refused, and of lines that are left out of the log. */
  readonly observers?: Pick<Observers, 'timeCall' | 'lineLeftOut' | 'requestRefused'> | undefined;
}

/** What a transport knows of the message that is being answered. */
export interface MessageScope {
  /** Lower-case names; absent when the message did not come over HTTP. */
  readonly requestHeaders?: Readonly<Record<string, string>> | undefined;
  /** The address that the message came from; absent when it did not come over HTTP. */
  readonly client?: string | undefined;
  /** Who sends the message; absent when nothing has authenticated the sender. */
  readonly caller?: Caller | undefined;
  /** What the access log says of the message; absent when there is no access log. */
  readonly access?: AccessRecord | undefined;
  /** Calls the listener once the answer is written, or cannot be. */
  readonly whenAnswered: (listener: () => void) => void;
  readonly splices: ResultSplices;
  /** Set when a call is refused because its caller lacks these; a transport may tell its client. */
  missingScopes?: readonly string[] | undefined;
  /** Sends a notification before the answer; absent when this client takes nothing but the answer. */
  readonly notify?: Notify | undefined;
}
