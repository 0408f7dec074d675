import type { AdminPorts, BackgroundReport } from '../admin/index.js';
import type { LiveEndpointCalls } from '../endpoints/index.js';
import type { ActiveGeneration } from '../lifecycle/index.js';
import type { AcceptedReload, ReloadCoordinator, ReloadOptions } from '../reload/index.js';
import { toConfigSnapshot, toEndpointSnapshots, toStatusSnapshot } from './generation-snapshots.js';
import type { ServerPhase } from './server-phase.js';
import { ServerReadiness } from './server-readiness.js';
import type { Serving } from './project/index.js';

export interface AdminPortsParts {
  readonly phase: ServerPhase;
  readonly debug: boolean;
  /** Undefined until the first generation serves; the admin socket is open before that. */
  readonly running: () => RunningParts | undefined;
  readonly reload: (options: ReloadOptions) => AcceptedReload;
  readonly background: () => readonly BackgroundReport[];
}

interface RunningParts {
  readonly active: ActiveGeneration<Serving>;
  readonly calls: LiveEndpointCalls;
  readonly coordinator: ReloadCoordinator<Serving>;
}

/** What the admin API asks of the server, answered from the generation that serves and the coordinator. */
export function createAdminPorts({ phase, debug, running, reload, background }: AdminPortsParts): AdminPorts {
  const serving = (): RunningParts => {
    const parts = running();
    if (parts === undefined) throw phase.startingError();
    return parts;
  };
  return {
    readiness: new ServerReadiness({
      phase,
      active: () => running()?.active,
      isListening: () => running() !== undefined,
    }),
    status: {
      status: () => {
        const { active, calls, coordinator } = serving();
        return toStatusSnapshot(active.current, coordinator.status(), {
          startedAt: phase.startedAt,
          uptimeSeconds: phase.uptimeSeconds,
          debug,
          activeRequests: calls.activeCalls,
          isClosing: phase.current === 'closing',
          background: background(),
        });
      },
    },
    config: {
      config: () => {
        const { active, coordinator } = serving();
        return toConfigSnapshot(active.current, coordinator.status(), debug);
      },
    },
    endpoints: { endpoints: () => toEndpointSnapshots(serving().active.current.contents) },
    reloads: {
      request: reload,
      find: (id) => serving().coordinator.find(id),
      list: (limit) => serving().coordinator.list(limit),
    },
  };
}
