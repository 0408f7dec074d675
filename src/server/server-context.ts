import type { Readable, Writable } from 'node:stream';
import type { ReadinessSource } from '../admin/index.js';
import type { DatabaseRegistry } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import type { Disposer } from '../lifecycle/index.js';
import type { Logger, LogLevelControl, Scrubber } from '../logging/index.js';
import type { AcceptedReload, ReloadOptions } from '../reload/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import type { HandedSockets } from '../systemd/index.js';
import type { Observers } from '../telemetry/index.js';

/** What the parts of one server share. `Server` builds it once and owns what is in it. */
export interface ServerContext {
  readonly settings: ServerSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly stores: SecretStores;
  readonly databases: DatabaseRegistry;
  readonly phase: ServerPhase;
  /** Whether calls are served, for all who ask. */
  readonly readiness: ReadinessSource;
  /** Everything that happens is reported here once. */
  readonly observers: Observers;
  readonly logLevel: LogLevelControl;
  /** What shows that an admin request comes from the user of this server. */
  readonly ownerToken: string;
  /** Threads whose priority is never lowered; empty to leave all threads equal. */
  readonly keptThreads: ReadonlySet<number>;
  readonly sockets: HandedSockets;
  readonly openStreams: () => { readonly input: Readable; readonly output: Writable };
  /** Aborted when the server closes, with `server_closing`. */
  readonly stopped: AbortSignal;
  /** Frees everything that is opened, in reverse order, also when a start fails half-way. */
  readonly disposer: Disposer;
  /** As `Server.reload`. */
  readonly reload: (options: ReloadOptions) => AcceptedReload;
  /** Clients that subscribed to these resources learn that they have changed. Does nothing before clients are let in. */
  readonly announceUpdated: (uris: Iterable<string>) => void;
}

export type Phase = 'starting' | 'serving' | 'closing';

/** The phase of the server's life, its current activity during a start, and whether it is out of rotation. */
export class ServerPhase {
  readonly startedAt = new Date();
  readonly #startedAtMs = performance.now();
  readonly #observers: Observers;
  #current: Phase = 'starting';
  #activity = 'starting';
  readonly #rotation: { drainingSince: Date | undefined } = { drainingSince: undefined };

  constructor(observers: Observers) {
    this.#observers = observers;
  }

  get current(): Phase {
    return this.#current;
  }

  /** Shown by the startup probe, e.g. `opening the database`. */
  get activity(): string {
    return this.#activity;
  }

  get uptimeSeconds(): number {
    return Math.floor((performance.now() - this.#startedAtMs) / 1000);
  }

  /** Since when new calls are refused because an operator asked for it. Reloads do not change it. Each call reads it. */
  get rotation(): { readonly drainingSince: Date | undefined } {
    return this.#rotation;
  }

  get drainingSince(): Date | undefined {
    return this.#rotation.drainingSince;
  }

  /** Idempotent, like `resume`; both return whether something has changed. */
  drain(): boolean {
    if (this.#rotation.drainingSince !== undefined) return false;
    this.#rotation.drainingSince = new Date();
    this.#observers.drainChanged(this.#rotation.drainingSince);
    return true;
  }

  resume(): boolean {
    if (this.#rotation.drainingSince === undefined) return false;
    this.#rotation.drainingSince = undefined;
    this.#observers.drainChanged(undefined);
    return true;
  }

  startActivity(activity: string): void {
    this.#activity = activity;
    this.#report();
  }

  serve(): void {
    if (this.#current !== 'starting') return;
    this.#current = 'serving';
    this.#report();
  }

  close(): void {
    if (this.#current === 'closing') return;
    this.#current = 'closing';
    this.#report();
  }

  startingError(): MxcpError {
    return new MxcpError('server_starting', `the server is still starting (${this.#activity}); try again`, {
      retryAfterSeconds: 1,
    });
  }

  closingError(): MxcpError {
    return new MxcpError('server_closing', 'the server is shutting down', { retryAfterSeconds: 5 });
  }

  #report(): void {
    this.#observers.phaseChanged(this.#current, this.#activity);
  }
}
