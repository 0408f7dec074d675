import { clip, MxcpError, nearSuggestion, toMxcpError } from '../../errors/index.js';
import type { CallDeadline } from '../../lifecycle/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';

export interface CalledEndpoint {
  readonly kind: EndpointKind;
  /** The name or URI as the client sent it. */
  readonly name: string;
}

/** Only the deadline knows why work was interrupted. */
export function toFailure(
  error: unknown,
  label: string,
  { deadline, timeLimitMs }: { readonly deadline: CallDeadline; readonly timeLimitMs: number },
): MxcpError {
  const isInterruption =
    error === deadline.signal.reason || (error instanceof MxcpError && error.code === 'query_interrupted');
  const { endedBy } = deadline;
  if (endedBy === undefined || !isInterruption) return toMxcpError(error);
  const reasons = {
    caller: 'was cancelled',
    server: 'was ended by a forced reload; call again',
    'time limit': `took longer than ${timeLimitMs / 1000} s, waiting included, and was ended; raise --call-timeout if it needs more`,
  };
  const code = endedBy === 'time limit' ? 'call_timeout' : 'query_interrupted';
  return new MxcpError(code, `the call of ${label} ${reasons[endedBy]}`, { cause: error });
}

const SHOWN_NAME_LENGTH = 200;

/** `endpoint_not_found` */
export function notFound({ kind, name }: CalledEndpoint, known: Iterable<string>): MxcpError {
  const what = endpointLabel(kind, clip(name, SHOWN_NAME_LENGTH));
  return new MxcpError('endpoint_not_found', `there is no ${what}${nearSuggestion(name, [...known])}`);
}
