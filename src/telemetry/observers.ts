import type { RunRecord } from '../contract/index.js';
import { type ErrorCode, messageOf } from '../errors/index.js';
import type { Logger } from '../logging/index.js';

/** Learns what happens in a server. Its methods are called synchronously, in the middle of the work that they hear about, so they must be quick. */
export interface ServerObserver {
  /** Also for calls of endpoints that do not exist. */
  callEnded?(call: ObservedCall): void;
  /** `record` is the state of the run after the change. */
  reloadChanged?(record: RunRecord, change: ReloadChange): void;
  /** `activity` says what a starting server is doing. */
  phaseChanged?(phase: 'starting' | 'serving' | 'closing', activity: string): void;
  /** `since` is undefined when the server takes new calls again. */
  drainChanged?(since: Date | undefined): void;
}

type ReloadChange = 'queued' | 'started' | 'stage' | 'ended';

/** A call that has ended. No field has the value of an argument. */
export interface ObservedCall {
  readonly kind: 'tool' | 'resource' | 'prompt';
  /** As the project declares it: a name, a URI or a template. Undefined when there is no such endpoint. */
  readonly endpoint: string | undefined;
  /** Undefined for a success. */
  readonly failure: CallFailure | undefined;
  readonly durationMs: number;
  readonly requestId: string | number | undefined;
  readonly client: string | undefined;
}

export interface CallFailure {
  readonly code: ErrorCode;
  /** Of its line in the log: `info` for a mistake of the caller. */
  readonly level: 'info' | 'warn' | 'error';
  /** As in the log, without the values of arguments. Costs time, so observers ask only for what they pass on. */
  readonly message: () => string;
}

/** Passes what happens to all observers, in the order in which they were added. An observer that throws is logged and affects nothing else. */
export class Observers implements Required<ServerObserver> {
  readonly #logger: Logger;
  readonly #observers = new Set<ServerObserver>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns what removes it again. */
  add(observer: ServerObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  callEnded(call: ObservedCall): void {
    this.#pass((observer) => observer.callEnded?.(call));
  }

  reloadChanged(record: RunRecord, change: ReloadChange): void {
    this.#pass((observer) => observer.reloadChanged?.(record, change));
  }

  phaseChanged(phase: 'starting' | 'serving' | 'closing', activity: string): void {
    this.#pass((observer) => observer.phaseChanged?.(phase, activity));
  }

  drainChanged(since: Date | undefined): void {
    this.#pass((observer) => observer.drainChanged?.(since));
  }

  #pass(toObserver: (observer: ServerObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        toObserver(observer);
      } catch (error) {
        this.#logger.error({ component: 'telemetry', reason: messageOf(error) }, 'bug in an observer');
      }
    }
  }
}
