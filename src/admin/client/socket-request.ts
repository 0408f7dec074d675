import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { MxcpError } from '../../errors/index.js';
import { deadlineIn } from '../../lifecycle/index.js';
import { toConnectionError } from './connection-error.js';

export interface SocketRequest {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly target: string;
  readonly userAgent: string;
  readonly timeoutMs: number;
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
  const sent = httpRequest({
    socketPath: request.socketPath,
    method: request.method,
    path: request.target,
    agent: false,
    signal: deadline,
    headers: { Host: 'localhost', Accept: 'application/json', 'User-Agent': request.userAgent },
  });
  // What fails after the answer has begun comes out of reading it; unheard, it would end the process here.
  sent.on('error', () => undefined);
  sent.end();
  try {
    // The arguments of the event, as node:http documents them.
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return await readAnswer(response);
  } catch (error) {
    if (deadline.aborted) throw timedOut(request);
    throw await toConnectionError(error, request.socketPath);
  } finally {
    deadline.dispose();
  }
}

async function readAnswer(response: IncomingMessage): Promise<SocketAnswer> {
  let text = '';
  response.setEncoding('utf8');
  // With an encoding chunks are strings; the type of the stream says any.
  const chunks: AsyncIterable<string> = response;
  for await (const chunk of chunks) text += chunk;
  return { status: response.statusCode ?? 0, location: response.headers.location, body: parseAnswer(text) };
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MxcpError(
      'connection_failed',
      'the answer is not JSON: this socket does not belong to the admin API of an mxcp server',
      { cause },
    );
  }
}

function timedOut(request: SocketRequest): MxcpError {
  return new MxcpError(
    'wait_timeout',
    `no answer to ${request.method} ${request.target} within ${request.timeoutMs / 1000} s from ${request.socketPath}`,
  );
}
