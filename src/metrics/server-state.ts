import type { NamedEndpoint } from './call-metrics.js';

/** What a scrape shows of a server, as it is at that moment. The server makes it, and nothing in it is kept. */
export interface ServerState {
  readonly phase: 'starting' | 'serving' | 'closing';
  /** Whether it refuses new calls because an operator or a shutdown has taken it out of rotation. */
  readonly isDraining: boolean;
  readonly uptimeSeconds: number;
  readonly logLevel: string;
  /** As `/readyz` answers it. */
  readonly isReady: boolean;
  /** Those of `/readyz`. */
  readonly checks: readonly { readonly name: string; readonly status: 'ok' | 'fail' }[];
  /** Those of `/status`. */
  readonly background: readonly { readonly name: string; readonly status: 'ok' | 'failing' }[];
  /** Tokens and certificates of secret stores. */
  readonly expiries: readonly { readonly store: string; readonly kind: string; readonly at: Date }[];
  /** Undefined until the first generation serves. */
  readonly serving: ServingState | undefined;
}

export interface ServingState {
  readonly generation: number;
  /** Of the current generation, built-in SQL tools included. */
  readonly endpoints: readonly NamedEndpoint[];
  readonly endpointFiles: { readonly ok: number; readonly disabled: number; readonly error: number };
  /** Calls that have arrived and not ended. `name` is undefined when there is no such endpoint. */
  readonly activeCalls: readonly { readonly kind: NamedEndpoint['kind']; readonly name: string | undefined }[];
  readonly gate: {
    readonly running: number;
    readonly queued: number;
    readonly maxConcurrentCalls: number;
    readonly maxQueuedCalls: number;
  };
  readonly reload: {
    readonly inProgress: boolean;
    readonly queued: number;
    readonly draining: boolean;
    readonly restartRequired: number;
    readonly definitionsChanged: number;
  };
  readonly database: {
    readonly version: string;
    readonly storageVersion: string | null;
    readonly readonly: boolean;
    readonly usedConnections: number;
    readonly idleConnections: number;
    readonly memoryLimitBytes: number;
    readonly temporaryLimitBytes: number;
    /** Undefined while the database does not answer. */
    readonly memory: { readonly memoryBytes: number; readonly temporaryBytes: number } | undefined;
  };
  /** File systems by what they hold. Null for one that does not answer. */
  readonly disks: readonly {
    readonly holds: string;
    readonly freeBytes: number | null;
    readonly totalBytes: number | null;
  }[];
  /** Undefined for a project without Python. */
  readonly python: { readonly workers: number; readonly ready: number; readonly busy: number } | undefined;
  readonly references: readonly {
    readonly source: string;
    readonly resolvedAt: Date;
    readonly leaseSeconds?: number | undefined;
  }[];
}
