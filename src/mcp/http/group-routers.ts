import { type EndpointCalls, groupNotFound } from '../../endpoints/index.js';
import { changesOf, type ListChanges } from '../listings.js';
import type { MessageRouter } from './message-router.js';
import { type Refusal, REFUSED } from './refusals.js';

export interface GroupRoutersOptions {
  readonly calls: Pick<EndpointCalls, 'groups'>;
  readonly createRouter: (group: string) => MessageRouter;
}

/**
 * The routers of the groups, each made when a client first asks for its group. Which groups exist is a matter of the current generation:
 * the router of a group that a reload removes ends its streams, and serves again if the group comes back. There are at most as many as
 * groups were ever configured.
 */
export class GroupRouters {
  readonly #options: GroupRoutersOptions;
  readonly #routers = new Map<string, MessageRouter>();

  constructor(options: GroupRoutersOptions) {
    this.#options = options;
  }

  /** The router of a group of the current generation, or what its clients hear instead. */
  find(group: string): MessageRouter | Refusal {
    const { calls, createRouter } = this.#options;
    if (calls.groups?.find(group) === undefined) return noGroup(group, calls.groups?.names ?? []);
    const router = this.#routers.get(group) ?? createRouter(group);
    this.#routers.set(group, router);
    return router;
  }

  async notifyListChanged(changes: ListChanges): Promise<void> {
    for (const [group, router] of this.#routers) {
      if (this.#options.calls.groups?.find(group) === undefined) await router.closeStreams();
      else await router.notifyListChanged(changesOf(group, changes));
    }
  }

  async notifyResourcesUpdated(isUpdated: (uri: string) => boolean): Promise<void> {
    for (const router of this.#routers.values()) await router.notifyResourcesUpdated(isUpdated);
  }

  async closeStreams(): Promise<void> {
    await Promise.all([...this.#routers.values()].map((router) => router.closeStreams()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#routers.values()].map((router) => router.close()));
  }
}

/** A client of 2025 that has a session takes the status for the end of that session, and initializes again. */
function noGroup(group: string, known: readonly string[]): Refusal {
  return { status: 404, code: REFUSED, message: `Not found: ${groupNotFound(group, known).message}` };
}
