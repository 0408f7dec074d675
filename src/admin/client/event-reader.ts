import type { IncomingMessage } from 'node:http';
import type { StreamedEvent } from '../../contract/index.js';
import { MxcpError } from '../../errors/index.js';
import { LONGEST_TIMER_MS } from '../../lifecycle/index.js';
import { AdminApiError } from './admin-api-error.js';
import { openAnswer, readAnswer, type SocketRequest, timedOut, toConnectionError } from './socket-request.js';

/** The server sends a comment every 15 seconds, so one that is silent for longer hangs, or is gone. */
const SILENCE_MS = 45_000;

export interface EventRequest
  extends Pick<SocketRequest, 'socketPath' | 'target' | 'userAgent' | 'timeoutMs' | 'lastEventId'> {
  /** How long the server may be silent. */
  readonly silenceMs?: number;
  /** Ends the events. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads server-sent events on a connection of its own, until the server or the signal ends them, or the consumer does. Throws
 * `connection_failed`, `wait_timeout` when the server falls silent, and `AdminApiError`.
 */
export async function* readEvents<Event = StreamedEvent>(request: EventRequest): AsyncGenerator<Event, void> {
  const watch = new SilenceWatch(request.signal);
  const { silenceMs = SILENCE_MS, socketPath, signal } = request;
  let isOpen = false;
  try {
    watch.allow(request.timeoutMs);
    const response = await openAnswer({ ...request, method: 'GET', accept: 'text/event-stream' }, watch.signal);
    if (response.statusCode !== 200) throw new AdminApiError(await readAnswer(response, undefined));
    isOpen = true;
    watch.allow(silenceMs);
    yield* parseEvents(chunksOf(response, () => watch.allow(silenceMs)));
  } catch (error) {
    if (signal?.aborted) return;
    if (!watch.signal.aborted) throw await toConnectionError(error, socketPath);
    if (!isOpen) throw timedOut({ ...request, method: 'GET' });
    const silence = `has sent nothing for ${silenceMs / 1000} s, although it sends a comment every 15 s; it may hang`;
    throw new MxcpError('wait_timeout', `the server at ${socketPath} ${silence}`, { cause: error });
  } finally {
    watch.end();
  }
}

async function* chunksOf(response: IncomingMessage, onChunk: () => void): AsyncGenerator<string, void> {
  response.setEncoding('utf8');
  // With an encoding chunks are strings; the type of the stream says any.
  const chunks: AsyncIterable<string> = response;
  for await (const chunk of chunks) {
    onChunk();
    yield chunk;
  }
}

/** Cuts the connection when nothing has arrived for the allowed time, and when the events are no longer wanted. */
class SilenceWatch {
  readonly #cut = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#cut.abort();
  #timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted) this.#cut.abort();
    else outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  allow(timeMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cut.abort(), Math.min(timeMs, LONGEST_TIMER_MS));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
    this.#cut.abort();
  }
}

/** Longer than any event of the server: what grows beyond it is no stream of events. */
const MAX_EVENT_LENGTH = 1024 * 1024;

/** Reads the format of server-sent events, in chunks that end anywhere. Events without data are left out, as the standard says. */
export async function* parseEvents<Event = StreamedEvent>(chunks: AsyncIterable<string>): AsyncGenerator<Event, void> {
  let rest = '';
  let id: string | undefined;
  let event = 'message';
  let data: string[] = [];
  for await (const chunk of chunks) {
    // The server ends lines with one newline only, and JSON has no carriage return.
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_EVENT_LENGTH) throw notEvents();
    for (const line of lines) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === 'id') id = value;
      else if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
      if (line !== '') continue;
      // An event of the contract, as the contract tests hold the server to it.
      if (data.length > 0) yield { id, event, data: parseData(data.join('\n')) } as Event;
      event = 'message';
      data = [];
    }
  }
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notEvents(cause);
  }
}

function notEvents(cause?: unknown): MxcpError {
  return new MxcpError(
    'connection_failed',
    'the answer does not consist of events: this socket does not belong to the admin API of an mxcp server',
    { cause },
  );
}
