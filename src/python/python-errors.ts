import { MxcpError } from '../errors/index.js';
import { CannotAsk, QuestionsAsked } from '../questions/index.js';
import type { PythonCallOptions, PythonSpec } from './python-spec.js';
import type { CutText, PythonProblem, RaisedError, ReportedFailure } from './worker-protocol.js';

/** A text that was too long. A secret that the cut split can only be recognised by its remaining part, so both ends are scrubbed. */
export function joinCutText([head, leftOut, tail]: CutText, scrubber: PythonSpec['scrubber']): string {
  const gap = ` … (${leftOut} characters left out) … `;
  return scrubber.scrubHead(head) + gap + scrubber.scrubTail(tail);
}

/** `<Type>: <text> (python/x.py:12, in f)`, for developers. DuckDB's messages begin with a type of their own. */
export function describeRaised({ type, message, file, line, function: name }: RaisedError): string {
  const isDuckDb = type === 'DatabaseError' && message !== '';
  const text = isDuckDb ? message : message === '' ? type : `${type}: ${message}`;
  if (file === undefined) return text;
  // The excerpt of a statement ends with a caret below its first line, so nothing may come after it.
  const excerpt = isDuckDb ? (/\n+LINE \d+:.*$/s.exec(text)?.[0] ?? '') : '';
  const reason = text.slice(0, text.length - excerpt.length);
  return `${reason} (${positionOf(file, line)}${name === undefined ? '' : `, in ${name}`})${excerpt}`;
}

export function describeProblem({ file, line, message }: PythonProblem): string {
  return `${positionOf(file, line)}: ${message}`;
}

function positionOf(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** What the worker reports, or what the server finds at the end of a job. */
export type JobFailure = ReportedFailure | { readonly kind: 'open_transaction' };

const OPEN_TRANSACTION =
  'the Python code failed: it left a transaction open, so the changes in it were rolled back; end it with COMMIT, or use `with db.transaction():`';

/** The error of a failed job. The one of a call has a message for clients, and one for developers that the log shows. */
export function toPythonError(
  failure: JobFailure,
  { caller, maxResultBytes }: Pick<Partial<PythonCallOptions>, 'caller' | 'maxResultBytes'>,
): MxcpError {
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
    case 'asks':
    case 'asks_otherwise':
    case 'unfit_answer':
      return toQuestionError(failure);
    case 'open_transaction':
      return new MxcpError('python_failed', OPEN_TRANSACTION);
    case 'not_callable': {
      const { message, file, line } = failure;
      const logMessage = describeProblem(failure);
      const clientMessage = caller && 'the function cannot be called; the log of the server has the reason';
      return new MxcpError('python_failed', clientMessage ?? logMessage, {
        logMessage,
        problems: [{ file, line, message }],
      });
    }
    case 'raised':
      return toRaisedError(failure, caller);
  }
}

function toRaisedError(failure: RaisedError, caller: PythonCallOptions['caller'] | undefined): MxcpError {
  const { code, clientMessage, type, message, file, line, unsupported } = failure;
  const logMessage = describeRaised(failure);
  if (unsupported !== undefined) return new CannotAsk([unsupported], clientMessage, logMessage);
  const problems = file === undefined ? [] : [{ file, line, message: `${type}: ${message}` }];
  return caller === undefined
    ? new MxcpError('python_failed', logMessage, { problems })
    : new MxcpError(code, clientMessage, { logMessage, problems });
}

/** How code that asks its client ends. */
function toQuestionError(
  failure: Extract<JobFailure, { readonly kind: 'asks' | 'asks_otherwise' | 'unfit_answer' }>,
): MxcpError {
  if (failure.kind === 'asks') return new QuestionsAsked(failure.questions);
  const { key } = failure;
  if (failure.kind === 'unfit_answer')
    return new MxcpError('params_invalid', `the answer to "${key}" does not fit the question: ${failure.reason}`);
  const message = `the code asks something else for "${key}" than what was answered; call again to be asked again`;
  return new MxcpError('confirmation_outdated', message);
}

export function interrupted(): MxcpError {
  return new MxcpError('query_interrupted', 'the call was cancelled');
}

export function workersEnded(): MxcpError {
  return new MxcpError('worker_exited', 'the Python workers have been stopped');
}
