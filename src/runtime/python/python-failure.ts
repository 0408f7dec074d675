import { MxcpError } from '../../errors/index.js';
import type { PythonSpec } from './python-spec.js';
import type { CutText, JobFailure, RaisedError } from './worker-protocol.js';

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
