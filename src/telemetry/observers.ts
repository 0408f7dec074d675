import type { Caller } from '../caller/index.js';
import type { Check, ReloadStage, RunRecord } from '../contract/index.js';
import { type ErrorCode, messageOf } from '../errors/index.js';
import type { Logger, LogLevelState } from '../logging/index.js';
import { type CallStart, CallTiming, type ObservedCall } from './call-timing.js';

/** Learns what happens in a server. Its methods are called synchronously, in the middle of the work that they hear about, so they must be quick. */
export interface ServerObserver {
  /** A call has arrived. Calls are timed only while an observer has this method. */
  callStarted?(timing: CallTiming): void;
  /** Also for calls of endpoints that do not exist. */
  callEnded?(call: ObservedCall): void;
  /** The answer of a timed call was written, or its client has gone. */
  callAnswered?(timing: CallTiming): void;
  /** `record` is the state of the run after the change, `stage` the one that has changed. */
  reloadChanged?(record: RunRecord, change: ReloadChange, stage?: ReloadStage): void;
  /** `activity` says what a starting server is doing. */
  phaseChanged?(phase: 'starting' | 'serving' | 'closing', activity: string): void;
  /** `since` is undefined when the server takes new calls again. */
  drainChanged?(since: Date | undefined): void;
  /** Whenever readiness was looked at, changed or not. */
  readinessChecked?(isReady: boolean, checks: readonly Check[]): void;
  lineLogged?(line: LoggedLine): void;
  /** A client chose another level of the log, or the configured one has returned. */
  logLevelChanged?(state: LogLevelState): void;
  /** A Python process has ended and is replaced. */
  workerReplaced?(): void;
  /** The server has resolved the references again by itself. `reason` says why that failed. */
  refreshEnded?(reason: string | undefined): void;
  /** Records of the audit log were written, or will never be. */
  recordsAudited?(outcome: 'written' | 'lost', count: number): void;
  /** A line of the log was left out, because there are many like it. */
  lineLeftOut?(): void;
  /** A request to the MCP port was let in or refused. Never while everybody may call. */
  authenticated?(attempt: AuthAttempt): void;
  /** A request was refused before it became a call of an endpoint or an action of an operator. */
  requestRefused?(refused: RefusedRequest): void;
  /** The authorization server of this process has answered a request. */
  oauthAnswered?(answer: OAuthAnswer): void;
  /** A person has signed in at the authorization server of this process. */
  signedIn?(signIn: PersonSignIn): void;
}

export const AUTH_OUTCOMES = [
  'success',
  'no_credentials',
  'malformed',
  'invalid',
  'limited',
  'insufficient_scope',
  'unavailable',
] as const;

/** What came of asking who sends a request. */
export interface AuthAttempt {
  readonly outcome: (typeof AUTH_OUTCOMES)[number];
  /** Known also if a scope is missing. */
  readonly caller?: Caller | undefined;
  /** The address that the request came from. */
  readonly client: string | undefined;
  /** Why it was refused, without the credentials. */
  readonly reason?: string | undefined;
}

export const OAUTH_ENDPOINTS = ['authorize', 'consent', 'callback', 'token', 'revoke', 'register'] as const;
export const OAUTH_OUTCOMES = ['success', 'refused', 'limited', 'failed'] as const;

/** What the authorization server of this process has answered. */
export interface OAuthAnswer {
  readonly endpoint: (typeof OAUTH_ENDPOINTS)[number];
  /** `refused`: the request was wrong; `limited`: there were too many such requests; `failed`: it could not be answered now. */
  readonly outcome: (typeof OAUTH_OUTCOMES)[number];
  /** The address that the request came from. */
  readonly client: string | undefined;
}

/** A request that was refused for another reason than its credentials. */
export interface RefusedRequest {
  readonly surface: 'http' | 'stdio' | 'admin';
  /** A method of MCP; of the admin API, method and path. As it was sent. */
  readonly request: string;
  /** What the request wanted to call. */
  readonly target?: { readonly kind: 'tool' | 'resource' | 'prompt'; readonly name: string } | undefined;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly caller?: Caller | undefined;
  /** The address that the request came from. */
  readonly client?: string | undefined;
  /** Of the path, which may name one that does not exist. */
  readonly group?: string | undefined;
  readonly requestId?: string | number | undefined;
  readonly sessionId?: string | undefined;
}

export interface PersonSignIn {
  readonly userId: string;
  readonly username: string | null;
  /** The application that may act for the person from now on. */
  readonly clientId: string;
  /** The address of the browser. */
  readonly client: string | undefined;
}

export type ReloadChange = 'queued' | 'started' | 'stage' | 'ended';

/** A line of the log, after secrets were removed from it. */
export interface LoggedLine {
  readonly level: string;
  /** As it was written, with a newline at its end. */
  readonly text: string;
  /** Its fields, which costs a parse. */
  readonly record: () => Readonly<Record<string, unknown>>;
}

/** Passes what happens to all observers, in the order in which they were added. An observer that throws is logged and affects nothing else. */
export class Observers implements Required<ServerObserver> {
  readonly #logger: Logger;
  readonly #observers = new Set<ServerObserver>();
  #timeCalls = false;
  #isPassingLine = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns what removes it again. */
  add(observer: ServerObserver): () => void {
    this.#observers.add(observer);
    this.#decideOnTiming();
    return () => {
      this.#observers.delete(observer);
      this.#decideOnTiming();
    };
  }

  /** Begins the timing of a call, which its transport ends with `answered()`. Undefined while no observer wants it. */
  timeCall(start: () => CallStart): CallTiming | undefined {
    if (!this.#timeCalls) return undefined;
    const timing = new CallTiming(start(), () => this.callAnswered(timing));
    this.callStarted(timing);
    return timing;
  }

  callStarted(timing: CallTiming): void {
    this.#pass((observer) => observer.callStarted?.(timing));
  }

  callAnswered(timing: CallTiming): void {
    this.#pass((observer) => observer.callAnswered?.(timing));
  }

  callEnded(call: ObservedCall): void {
    this.#pass((observer) => observer.callEnded?.(call));
  }

  reloadChanged(record: RunRecord, change: ReloadChange, stage?: ReloadStage): void {
    this.#pass((observer) => observer.reloadChanged?.(record, change, stage));
  }

  phaseChanged(phase: 'starting' | 'serving' | 'closing', activity: string): void {
    this.#pass((observer) => observer.phaseChanged?.(phase, activity));
  }

  drainChanged(since: Date | undefined): void {
    this.#pass((observer) => observer.drainChanged?.(since));
  }

  readinessChecked(isReady: boolean, checks: readonly Check[]): void {
    this.#pass((observer) => observer.readinessChecked?.(isReady, checks));
  }

  /** What an observer logs itself is not passed, or one that fails at every line would never end. */
  lineLogged(line: LoggedLine): void {
    if (this.#isPassingLine) return;
    this.#isPassingLine = true;
    this.#pass((observer) => observer.lineLogged?.(line));
    this.#isPassingLine = false;
  }

  workerReplaced(): void {
    this.#pass((observer) => observer.workerReplaced?.());
  }

  refreshEnded(reason: string | undefined): void {
    this.#pass((observer) => observer.refreshEnded?.(reason));
  }

  recordsAudited(outcome: 'written' | 'lost', count: number): void {
    this.#pass((observer) => observer.recordsAudited?.(outcome, count));
  }

  lineLeftOut(): void {
    this.#pass((observer) => observer.lineLeftOut?.());
  }

  authenticated(attempt: AuthAttempt): void {
    this.#pass((observer) => observer.authenticated?.(attempt));
  }

  oauthAnswered(answer: OAuthAnswer): void {
    this.#pass((observer) => observer.oauthAnswered?.(answer));
  }

  requestRefused(refused: RefusedRequest): void {
    this.#pass((observer) => observer.requestRefused?.(refused));
  }

  signedIn(signIn: PersonSignIn): void {
    this.#pass((observer) => observer.signedIn?.(signIn));
  }

  logLevelChanged(state: LogLevelState): void {
    this.#pass((observer) => observer.logLevelChanged?.(state));
  }

  #decideOnTiming(): void {
    this.#timeCalls = [...this.#observers].some(({ callStarted }) => callStarted !== undefined);
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
