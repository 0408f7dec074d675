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
