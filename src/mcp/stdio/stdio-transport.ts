import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  ReadBuffer,
  type RequestId,
  serializeMessage,
  type Transport,
} from '@modelcontextprotocol/server';
import { within } from '../../lifecycle/index.js';
import { type ResultSplices, writeMessage } from '../splice/index.js';

export interface StdioStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/** Longer messages end the connection: it cannot be told where the next one starts. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** How long requests that run when the input ends may take: `printf … | mxcp serve` wants its answers. */
const END_OF_INPUT_GRACE_MS = 5_000;
/** How long a client may take, at the end, to read the answers that are made already. */
const LAST_ANSWERS_GRACE_MS = 500;

/**
 * Lines of JSON on two streams. Unlike the SDK's transport it writes large results in slices, one message after the other,
 * and answers what was asked before the input ended.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #streams: StdioStreams;
  readonly #splices: ResultSplices;
  readonly #lines = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  readonly #unanswered = new Set<RequestId>();
  readonly #whenAnswered: (() => void)[] = [];
  /** Resolves when the transport has closed, for whatever reason. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #reading = false;
  #closed: Promise<void> | undefined;
  /** The end of the line of messages to write: they must not mix. */
  #written: Promise<void> = Promise.resolve();

  constructor(streams: StdioStreams, splices: ResultSplices) {
    this.#streams = streams;
    this.#splices = splices;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async start(): Promise<void> {
    const { input, output } = this.#streams;
    this.#reading = true;
    input.on('data', this.#onData);
    input.once('end', this.#onEnd);
    input.once('close', this.#onEnd);
    input.on('error', this.#onStreamError);
    output.on('error', this.#onStreamError);
    if (input.readableEnded || input.destroyed) setImmediate(this.#onEnd);
  }

  /** Resolves once the message is written. A message to a closed or broken output is dropped. */
  send(message: JSONRPCMessage): Promise<void> {
    this.#written = this.#written.then(() => this.#write(message)).catch(this.#onStreamError);
    if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) this.#answered(message.id);
    return this.#written;
  }

  /** Takes nothing new and waits until what runs is answered, at most this long. */
  async drain(timeoutMs: number): Promise<void> {
    this.#stopReading();
    if (this.#unanswered.size === 0) return;
    await within(new Promise<void>((resolve) => this.#whenAnswered.push(resolve)), timeoutMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopReading();
    const isWritten = await within(
      this.#written.then(() => true),
      LAST_ANSWERS_GRACE_MS,
    );
    // Nobody reads: what is not written yet would hold its results for ever.
    if (isWritten !== true) this.#streams.output.destroy();
    this.onclose?.();
    this.#end();
  }

  #stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    const { input } = this.#streams;
    input.off('data', this.#onData);
    input.off('end', this.#onEnd);
    input.off('close', this.#onEnd);
    input.pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#lines.append(chunk);
    } catch (error) {
      this.#onStreamError(error);
      return;
    }
    for (let message = this.#nextMessage(); message !== null; message = this.#nextMessage()) {
      if (message !== undefined) this.#receive(message);
    }
  };

  /** `null` when there is no whole line, `undefined` when the line is no message. */
  #nextMessage(): JSONRPCMessage | null | undefined {
    try {
      return this.#lines.readMessage();
    } catch {
      // The error would quote the line, which may hold anything.
      this.onerror?.(new Error('a line of the input is not a JSON-RPC message'));
      return undefined;
    }
  }

  #receive(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      // A subscription is answered when the connection ends, so the end must not wait for it.
      if (message.method !== 'subscriptions/listen') this.#unanswered.add(message.id);
    } else if ('method' in message && message.method === 'notifications/cancelled') {
      const id = message.params?.['requestId'];
      if (typeof id === 'string' || typeof id === 'number') this.#answered(id);
    }
    this.onmessage?.(message);
  }

  #answered(id: RequestId | undefined): void {
    if (id !== undefined) this.#unanswered.delete(id);
    if (this.#unanswered.size > 0) return;
    for (const resolve of this.#whenAnswered.splice(0)) resolve();
  }

  readonly #onEnd = (): void => {
    void this.drain(END_OF_INPUT_GRACE_MS).then(() => this.close());
  };

  readonly #onStreamError = (error: unknown): void => {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    // A broken pipe: the other side is gone, and what runs is cancelled.
    void this.close();
  };

  async #write(message: JSONRPCMessage): Promise<void> {
    const parts = this.#splices.partsOf(serializeMessage(message));
    await writeMessage(parts, this.#streams.output);
  }
}
