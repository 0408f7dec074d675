import { MxcpError } from '../errors/index.js';
import type { PythonSpec } from './python-spec.js';
import type { CutText, ImportFailure, JobFailure, RaisedError } from './worker-protocol.js';

/** A text that was too long. A secret that the cut split can only be recognised by its remaining part, so both ends are scrubbed. */
export function joinCutText([head, leftOut, tail]: CutText, scrubber: PythonSpec['scrubber']): string {
  const gap = ` … (${leftOut} characters left out) … `;
  return scrubber.scrubHead(head) + gap + scrubber.scrubTail(tail);
}

/** `<Type>: <text> (python/x.py:12, in f)`. */
export function describeRaised({ type, message, file, line, function: name }: RaisedError): string {
  const text = message === '' ? type : `${type}: ${message}`;
  if (file === undefined) return text;
  return `${text} (${positionOf(file, line)}${name === undefined ? '' : `, in ${name}`})`;
}

export function describeImport({ file, line, message }: ImportFailure): string {
  return `${positionOf(file, line)}: ${message}`;
}

function positionOf(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** The error that the caller of a failed job gets. */
export function toPythonError(failure: JobFailure, maxResultBytes: number): MxcpError {
  switch (failure.kind) {
    case 'cancelled':
      return interrupted();
    case 'too_large': {
      const reached = failure.message === '' ? '' : ` (${failure.message})`;
      return new MxcpError(
        'result_too_large',
        `the result is larger than ${maxResultBytes} bytes${reached}; return less, or raise --max-result-bytes`,
      );
    }
    case 'not_callable': {
      const { message, file, line } = failure;
      return new MxcpError('python_failed', `${positionOf(file, line)}: ${message}`, {
        problems: [{ file, line, message }],
      });
    }
    case 'raised': {
      const { type, message, file, line } = failure;
      const problems = file === undefined ? [] : [{ file, line, message: `${type}: ${message}` }];
      return new MxcpError('python_failed', describeRaised(failure), { problems });
    }
  }
}

export function interrupted(): MxcpError {
  return new MxcpError('query_interrupted', 'the call was cancelled');
}

export function workersEnded(): MxcpError {
  return new MxcpError('worker_exited', 'the Python workers have been stopped');
}

/** How a worker process ended. */
export type WorkerExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  /** The server ended it; the reason completes the sentence "the Python worker …". */
  | { readonly kind: 'ended'; readonly reason: string }
  | { readonly kind: 'not_started'; readonly error: Error };

/** The exit codes that the files of the worker use themselves; `run_worker.py` and `mxcp_worker/process.py` have the same. */
export const TOO_OLD = 69;
const OWN_CODES: Readonly<Record<number, string>> = {
  70: 'lost its connection to the server, because code of the project closed it',
  71: 'ran out of memory or threads',
  72: 'failed because of an internal error',
};

/** Completes the sentence "the Python worker …". */
export function describeExit(exit: WorkerExit): string {
  switch (exit.kind) {
    case 'exited':
      return OWN_CODES[exit.code] ?? `exited with code ${exit.code}`;
    case 'signalled':
      return exit.signal === 'SIGKILL'
        ? 'was killed (SIGKILL), as the system does when memory runs out'
        : `was ended by ${exit.signal}`;
    case 'ended':
      return exit.reason;
    case 'not_started':
      return `could not be started: ${exit.error.message}`;
  }
}
