import type { ServerResponse } from 'node:http';
import { writeMessage } from '../splice/index.js';
import { EVENT_END, EVENT_START, type HttpExchange } from './http-exchange.js';
import { type Refusal, refusal } from './json-rpc-error.js';

/** A client that takes nothing of a large result for this long is cut off: the result is held until it is written. */
const STALLED_MS = 60_000;

/**
 * Writes what the SDK answered. A message is serialised in one piece: a JSON body is one message, and each chunk of an
 * event stream is one event with one, so a placeholder is never cut in two.
 */
export async function sendResponse(response: Response, exchange: HttpExchange): Promise<void> {
  const { response: outgoing } = exchange;
  if (exchange.isStreaming) {
    await sendLastEvent(await response.text(), exchange);
    return;
  }
  for (const [name, value] of response.headers) {
    // Whether the connection stays open is for Node to say, which knows whether the server is closing.
    if (name !== 'connection' || value === 'close') outgoing.setHeader(name, value);
  }
  outgoing.statusCode = response.status;
  if (response.body === null) {
    outgoing.end();
  } else if (response.headers.get('content-type') === 'text/event-stream') {
    await sendEvents(response.body, exchange);
  } else {
    await sendMessage(await response.text(), exchange);
  }
}

async function sendMessage(message: string, { response, splices }: HttpExchange): Promise<void> {
  const parts = splices.partsOf(message);
  if (parts.length === 1) {
    response.end(message);
    return;
  }
  response.setTimeout(STALLED_MS, () => response.destroy());
  await writeMessage(parts, response);
  response.end();
}

/** The answer of a call that has told its client something already. */
async function sendLastEvent(message: string, { response, splices }: HttpExchange): Promise<void> {
  response.setTimeout(STALLED_MS, () => response.destroy());
  if (message !== '') await writeMessage([EVENT_START, ...splices.partsOf(message), EVENT_END], response);
  response.end();
}

async function sendEvents(body: ReadableStream<Uint8Array>, exchange: HttpExchange): Promise<void> {
  const { response, splices, signal } = exchange;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cancel = () => {
    reader.cancel().catch(() => {
      // The stream has failed already, and the loop below says so.
    });
  };
  signal.addEventListener('abort', cancel);
  response.flushHeaders();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const parts = splices.partsOf(decoder.decode(next.value));
    await writeMessage(parts, response);
  }
  response.end();
}

export async function refuse(exchange: HttpExchange, reason: Refusal): Promise<void> {
  await sendResponse(refusal(reason), exchange);
}

export function sendNotFound(response: ServerResponse): void {
  response.statusCode = 404;
  response.setHeader('content-type', 'application/json');
  response.end('{"error":"not found"}');
}
