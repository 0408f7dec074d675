import type { Caller } from '../caller/index.js';
import type { ConfigObject, SecretDefinition } from '../config/index.js';
import type { DatabaseSession, JsonValue, RowAccess } from '../duckdb/index.js';
import type { Scrubber } from '../logging/index.js';
import type { GivenAnswers, QuestionKind } from '../questions/index.js';
import type { TraceContext } from '../telemetry/index.js';
import type { CallNotification } from './worker-protocol.js';

/** A function of the project. Without `functionName` (resources): `main`, then one named like the file, then the first public one. */
export interface PythonTarget {
  /** Relative to the project root, with forward slashes. */
  readonly file: string;
  readonly functionName: string | undefined;
}

/** What `mxcp.runtime.config` shows. */
export interface PythonConfiguration {
  readonly siteConfig: ConfigObject;
  readonly userConfig: ConfigObject;
  /** Those of the active profile. */
  readonly secrets: readonly SecretDefinition[];
}

/** A resource as Python code may name it. */
export interface ResourcePattern {
  /** Its URI or template, normalized. */
  readonly uri: string;
  /** Of a template: a regular expression, which Python and JavaScript read in the same way. */
  readonly pattern: string | null;
}

/** A call of `mxcp.runtime.reload_duckdb()`. */
export interface PythonReloadRequest {
  readonly description: string | undefined;
  readonly payload: ReloadPayload | undefined;
}

/** The function that code passed to `reload_duckdb()`. The worker that holds it lives until it is released. */
export interface ReloadPayload {
  /** Call it while the database is closed. Throws `python_failed`, `worker_exited`, `query_interrupted`. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends the worker if its process has this id, because it holds the file. Returns false for any other id. */
  endLockHolder(processId: number): Promise<boolean>;
  /** Call it whether the payload ran or not. Resolves once a worker that was kept only for it has ended. Idempotent, never rejects. */
  release(): Promise<void>;
}

/** What a log line says about the call that it belongs to. */
export type LineFields = Readonly<Record<string, string | number>>;

export interface PythonCallOptions {
  readonly caller: Caller;
  /** The label of the endpoint that is called. */
  readonly endpoint?: string | undefined;
  /** Aborting it interrupts the Python code. */
  readonly signal: AbortSignal;
  /** Enforced in the worker, before anything crosses the pipe. */
  readonly maxResultBytes: number;
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  /** What code can ask the client of the call for, and what it has asked and the client has answered in earlier attempts. */
  readonly questions?: { readonly kinds: readonly QuestionKind[]; readonly answers: GivenAnswers } | undefined;
  /** What code may continue. */
  readonly trace?: TraceContext | undefined;
  /** What the lines that the code prints say about the call. */
  readonly lineFields?: LineFields | undefined;
  /** Called when a statement of the code begins. */
  readonly onStatement?: ((sql: string) => { end(failure?: string): void }) | undefined;
  /** Learns, when the code has ended without an error, which resources it has changed. */
  readonly onUpdated?: ((uris: readonly string[]) => void) | undefined;
  /** Learns of each statement that the rules for rows refuse: the code may catch the error. */
  readonly onDenied?: RowAccess['onDenied'];
  /** A result that is a list arrives item by item, anything else as one value. */
  readonly onShape: (shape: 'list' | 'value' | 'content', length?: number) => void;
  /** Which items of a list are wanted; absent for all. One beyond them arrives too, if there is one. */
  readonly part?:
    | { readonly offset: number; readonly least: number; readonly maxRows: number; readonly maxBytes: number }
    | undefined;
  /** `text` is the JSON of the value as it arrived. An error that it throws ends the call and is thrown by it. */
  readonly onItem: (value: JsonValue, text: string) => void;
}

/** How many milliseconds the server waits for a worker. */
export interface PythonLimits {
  readonly startMs: number;
  readonly initialiseMs: number;
  readonly shutdownMs: number;
  /** How long cancelled work may continue before its worker is replaced. */
  readonly stopMs: number;
  /** How long the other calls of a replaced worker may continue. */
  readonly retireMs: number;
}

export interface PythonSpec {
  readonly projectRoot: string;
  /** Absolute. */
  readonly pythonFolder: string;
  /** Absolute, or a name to be found in `PATH`; undefined: the project's `.venv`, then `python3`. */
  readonly interpreter: string | undefined;
  readonly workers: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly configuration: PythonConfiguration;
  /** What endpoints call. Other files below `pythonFolder` are imported too, and only warn when they fail. */
  readonly targets: readonly PythonTarget[];
  /** Receives each line, of bounded length, that Python code wrote. */
  readonly output: (line: {
    readonly stream: 'stdout' | 'stderr';
    readonly text: string;
    readonly processId: number;
    /** Of the call whose code wrote it. Undefined when it belongs to no call, and when C code or another program wrote it. */
    readonly fields: LineFields | undefined;
  }) => void;
  /** For texts that are cut: a later scrubber would not recognise the part of a secret that is left. */
  readonly scrubber: Pick<Scrubber, 'scrubHead' | 'scrubTail'>;
  readonly onWarning: (message: string) => void;
  /** A worker has ended and is replaced. */
  readonly onReplaced?: (() => void) | undefined;
  /** Details for debugging, such as the full traceback of an error. */
  readonly onDebug: (message: string) => void;
  readonly openSession: (caller: Caller, access: RowAccess) => DatabaseSession;
  /** What code may say that it has changed. */
  readonly resources: readonly ResourcePattern[];
  /** Learns which resources hooks and code outside calls have changed. */
  readonly onUpdated?: ((uris: readonly string[]) => void) | undefined;
  readonly requestReload: (request: PythonReloadRequest) => void;
  readonly limits?: Partial<PythonLimits> | undefined;
}
