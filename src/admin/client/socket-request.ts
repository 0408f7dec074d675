import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { userInfo } from 'node:os';
import { errorCodeOf, messageOf, MxcpError } from '../../errors/index.js';
import { deadlineIn } from '../../lifecycle/index.js';

// An import would read every export of the module, and two of them load undici: 38 ms of CPU time on Node 24.22, in each
// health check of a container.
const { request: httpRequest } = process.getBuiltinModule('node:http');

export interface SocketRequest {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly target: string;
  readonly userAgent: string;
  readonly timeoutMs: number;
  /** `application/json` unless given. */
  readonly accept?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** How the answer is read; JSON.parse unless given. */
  readonly parse?: ((text: string) => unknown) | undefined;
}

export interface SocketAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: unknown;
}

/**
 * One request over a Unix socket, on a connection of its own. Throws `connection_failed`, and `wait_timeout` when no
 * whole answer arrives in time.
 */
export async function sendRequest(request: SocketRequest): Promise<SocketAnswer> {
  const deadline = deadlineIn(request.timeoutMs);
  try {
    return await readAnswer(await openAnswer(request, deadline), request.parse);
  } catch (error) {
    if (deadline.aborted) throw timedOut(request);
    throw await toConnectionError(error, request.socketPath);
  } finally {
    deadline.dispose();
  }
}

/** Sends the request and resolves when the head of its answer is there. Aborting the signal cuts the connection. */
export async function openAnswer(
  request: Omit<SocketRequest, 'timeoutMs'>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const sent = httpRequest({
    socketPath: request.socketPath,
    method: request.method,
    path: request.target,
    agent: false,
    signal,
    headers: {
      Host: 'localhost',
      Accept: request.accept ?? 'application/json',
      'User-Agent': request.userAgent,
      ...(request.token !== undefined && { Authorization: `Bearer ${request.token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      ...(request.lastEventId !== undefined && { 'Last-Event-ID': request.lastEventId }),
    },
  });
  // What fails after the answer has begun comes out of reading it; without a listener it would end the process here.
  sent.on('error', () => undefined);
  sent.end(body);
  // The arguments of the event, as node:http documents them.
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

export async function readAnswer(response: IncomingMessage, parse: SocketRequest['parse']): Promise<SocketAnswer> {
  let text = '';
  response.setEncoding('utf8');
  // With an encoding chunks are strings; the type of the stream says any.
  const chunks: AsyncIterable<string> = response;
  for await (const chunk of chunks) text += chunk;
  return { status: response.statusCode ?? 0, location: response.headers.location, body: parseAnswer(text, parse) };
}

function parseAnswer(text: string, parse: (text: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new MxcpError(
      'connection_failed',
      'the answer is not JSON: this socket does not belong to the admin API of an mxcp server',
      { cause },
    );
  }
}

export function timedOut(request: SocketRequest): MxcpError {
  return new MxcpError(
    'wait_timeout',
    `no answer to ${request.method} ${request.target} within ${request.timeoutMs / 1000} s from ${request.socketPath}`,
  );
}

/** The error for a socket that cannot be reached: why, and what to do. Returns an `MxcpError` unchanged; never rejects. */
export async function toConnectionError(failure: unknown, socketPath: string): Promise<MxcpError> {
  if (failure instanceof MxcpError) return failure;
  const found = await stat(socketPath).catch(() => undefined); // not there, or not visible to this user: the error's code shows which
  const reason = reasonFor(errorCodeOf(failure), socketPath, found) ?? `${socketPath}: ${messageOf(failure)}`;
  return new MxcpError('connection_failed', reason, { cause: failure });
}

function reasonFor(code: string | undefined, path: string, found: Stats | undefined): string | undefined {
  if (found !== undefined && !found.isSocket()) {
    return `${path} is not a socket; give the path of the admin socket with \`--socket\` or \`MXCP_ADMIN_SOCKET\``;
  }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no admin socket at ${path}. Start the server with \`--admin-socket\` and a path, such as \`./mxcp.sock\`, or give the path that its log names after "admin socket listening" with \`--socket\` or \`MXCP_ADMIN_SOCKET\``;
    case 'ECONNREFUSED':
      return `no server listens on ${path}: the server that created it exited without removing it. Start the server again`;
    case 'EACCES':
    case 'EPERM':
      return `${currentUser()} may not use ${path}${ownerOf(found)}. Run this as its owner (sudo -u), or start the server with --admin-socket-mode 0660 and --admin-socket-group`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the server closed the connection on ${path} without an answer: it is shutting down, or has too many connections. Try again`;
    default:
      return undefined;
  }
}

function ownerOf(found: Stats | undefined): string {
  if (found === undefined) return '';
  return ` (uid ${found.uid}, gid ${found.gid}, mode ${(found.mode & 0o777).toString(8).padStart(4, '0')})`;
}

function currentUser(): string {
  try {
    return `user ${userInfo().username}`;
  } catch {
    // A user without an entry in the password file, as in many containers.
    return `uid ${process.getuid?.()}`;
  }
}
