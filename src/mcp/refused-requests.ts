import type { ErrorCode } from '../errors/index.js';
import type { RefusedRequest } from '../telemetry/index.js';

/** Of each method that calls an endpoint: its kind, and the parameter that names it. */
const CALLS = {
  'tools/call': ['tool', 'name'],
  'resources/read': ['resource', 'uri'],
  'prompts/get': ['prompt', 'name'],
} as const;

/** What observers learn of a message that is refused before it becomes a call. Of a list of messages, that is the first one. */
export function toRefusedRequest(
  message: unknown,
  why: { readonly code: ErrorCode; readonly reason: string },
  from: Pick<RefusedRequest, 'surface' | 'caller' | 'client' | 'group' | 'sessionId'>,
): RefusedRequest {
  const [first]: readonly unknown[] = Array.isArray(message) ? message : [message];
  const { method, params, id }: Readonly<Record<string, unknown>> = Object(first);
  const request = typeof method === 'string' ? method : 'request';
  const requestId = typeof id === 'string' || typeof id === 'number' ? id : undefined;
  return { ...from, ...why, request, target: targetOf(request, params), requestId };
}

function targetOf(method: string, params: unknown): RefusedRequest['target'] {
  if (!Object.hasOwn(CALLS, method)) return undefined;
  // The check above makes it one of these.
  const [kind, key] = CALLS[method as keyof typeof CALLS];
  const name: unknown = Object(params)[key];
  return typeof name === 'string' ? { kind, name } : undefined;
}
