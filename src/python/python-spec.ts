import type { ConfigObject, SecretDefinition } from '../config/index.js';
import type { CallerIdentity, DatabaseSession, JsonValue } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import type { Scrubber } from '../logging/index.js';
import type { CutText, JobFailure, RaisedError } from './worker-protocol.js';

/** A function of the user's. Without `functionName` (resources): `main`, then one named like the file, then the first public one. */
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

/** One line that Python code wrote to standard output or standard error, of bounded length. */
export interface PythonOutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly processId: number;
}

/** Something that is wrong with a Python file. The message says it without the position. */
export interface PythonProblem {
  readonly message: string;
  /** Relative to the project root. */
  readonly file: string;
  readonly line?: number | undefined;
}

/** The function that code handed to `reload_duckdb()`. The worker that holds it lives until it is released. */
export interface ReloadPayload {
  /** To be called while the database is closed. Throws `python_failed`, `worker_exited`, `query_interrupted`. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends the process that ran it if it is this one, which holds the file. False when it is not. */
  endHolder(processId: number): Promise<boolean>;
  /** Whether it was run or not. Resolves when nothing is left that was only there for it. Idempotent, never rejects. */
  release(): Promise<void>;
}

/** A call of `mxcp.runtime.reload_duckdb()`. */
export interface PythonReloadRequest {
  readonly description: string | undefined;
  readonly payload: ReloadPayload | undefined;
}

/** What running code tells its caller. */
export type CallNotification =
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warning' | 'error';
      readonly message: string;
      readonly data?: JsonValue | undefined;
    }
  | {
      readonly kind: 'progress';
      readonly progress: number;
      readonly total?: number | undefined;
      readonly message?: string | undefined;
    };

export interface PythonCallOptions {
  readonly caller: CallerIdentity;
  /** Aborting really stops the work. */
  readonly signal: AbortSignal;
  /** Enforced in the worker, before anything crosses the pipe. */
  readonly maxResultBytes: number;
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  /** A result that is a list arrives item by item, anything else as one value. */
  readonly onShape: (shape: 'list' | 'value') => void;
  /** `text` is the JSON of the value as it came. What it throws ends the call and is what the call throws. */
  readonly onItem: (value: JsonValue, text: string) => void;
}

/** Milliseconds that the workers wait for what may never come. */
export interface PythonLimits {
  readonly startMs: number;
  readonly initialiseMs: number;
  readonly shutdownMs: number;
  /** How long cancelled work may go on before its worker is replaced. */
  readonly stopMs: number;
  /** How long the other calls of a worker that is replaced may go on. */
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
  readonly output: (line: PythonOutputLine) => void;
  /** For texts that are cut: whoever takes them could no longer know a secret by the part that is left. */
  readonly scrubber: Pick<Scrubber, 'scrubHead' | 'scrubTail'>;
  readonly onWarning: (message: string) => void;
  /** Details for whoever debugs, such as the full traceback of an error. */
  readonly onDebug: (message: string) => void;
  readonly openSession: (caller: CallerIdentity) => DatabaseSession;
  readonly requestReload: (request: PythonReloadRequest) => void;
  readonly limits?: Partial<PythonLimits> | undefined;
}

/** A text that was too long, without what is left of a secret where it was cut. */
export function joinCutText([head, leftOut, tail]: CutText, scrubber: PythonSpec['scrubber']): string {
  const gap = ` … (${leftOut} characters left out) … `;
  return scrubber.scrubHead(head) + gap + scrubber.scrubTail(tail);
}

/** `<Type>: <text> (python/x.py:12, in f)`. */
export function describeRaised({ type, message, file, line, function: name }: RaisedError): string {
  const text = message === '' ? type : `${type}: ${message}`;
  if (file === undefined) return text;
  const position = line === undefined || line === null ? file : `${file}:${line}`;
  return `${text} (${position}${name === undefined ? '' : `, in ${name}`})`;
}

/** Each failure of a job as the error that its caller gets. */
export function toPythonError(failure: JobFailure, maxResultBytes: number): MxcpError {
  switch (failure.kind) {
    case 'cancelled':
      return interrupted();
    case 'too_large':
      return resultTooLarge(failure.message, maxResultBytes);
    case 'not_callable': {
      const { message, file, line } = failure;
      const position = line === undefined || line === null ? file : `${file}:${line}`;
      return new MxcpError('python_failed', `${position}: ${message}`, {
        problems: [{ file, line: line ?? undefined, message }],
      });
    }
    case 'raised':
      return new MxcpError('python_failed', describeRaised(failure), problemOf(failure));
  }
}

export function interrupted(): MxcpError {
  return new MxcpError('query_interrupted', 'the call was cancelled');
}

function problemOf({ type, message, file, line }: RaisedError): Pick<MxcpError, 'problems'> | undefined {
  if (file === undefined) return undefined;
  return { problems: [{ file, line: line ?? undefined, message: `${type}: ${message}` }] };
}

function resultTooLarge(reached: string, maxResultBytes: number): MxcpError {
  const where = reached === '' ? '' : ` (${reached})`;
  return new MxcpError(
    'result_too_large',
    `the result is larger than ${maxResultBytes} bytes${where}; return less, or raise --max-result-bytes`,
  );
}
