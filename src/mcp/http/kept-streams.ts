import { randomBytes } from 'node:crypto';
import { EventStream } from './event-stream.js';

export interface KeptStreamLimits {
  /** How long the events of a stream are kept after its connection has ended. */
  readonly lifetimeMs: number;
  readonly sessionBytes: number;
  readonly totalBytes: number;
  /** Calls of one session that continue without a connection. */
  readonly sessionAway: number;
  readonly totalAway: number;
}

export const KEPT_STREAM_LIMITS: KeptStreamLimits = {
  lifetimeMs: 2 * 60_000,
  sessionBytes: 16 * 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  sessionAway: 16,
  totalAway: 128,
};

/** What a stream takes besides its events; measured: 2.1 KB with two small events, which count as 600 bytes. */
const STREAM_OVERHEAD_BYTES = 1500;

/** A call's stream ends with its answer, the other one with its session. */
export type StreamKind = 'call' | 'notices';

interface KeptStream {
  readonly id: string;
  readonly kind: StreamKind;
  readonly stream: EventStream;
  readonly onLost: () => void;
  /** As counted in the sums. */
  bytes: number;
  isAway: boolean;
  /** On the clock of `performance.now()`; of the last time that it went away. */
  awaySince: number;
  timer: NodeJS.Timeout | undefined;
}

interface OpenOptions {
  readonly kind: StreamKind;
  readonly primes: boolean;
  /** The stream is given up before its end: no client can come back for the rest. */
  readonly onLost: () => void;
}

const EVENT_ID = /^((?:call|notices)-[\w-]{22})\.(\d{1,15})$/;

/** Whether an id is one of an event of a call, which may still be running. */
export function isOfCall(eventId: string | undefined): boolean {
  return eventId?.startsWith('call-') ?? false;
}

/** The streams of one session that a client may come back to. */
export class SessionStreams {
  readonly #shared: KeptStreams;
  /** The oldest first. */
  readonly #streams = new Map<string, KeptStream>();
  #isClosed = false;
  bytes = 0;
  away = 0;

  constructor(shared: KeptStreams) {
    this.#shared = shared;
    shared.add(this);
  }

  open({ kind, primes, onLost }: OpenOptions): EventStream {
    if (this.#isClosed) return new EventStream();
    const id = `${kind}-${randomBytes(16).toString('base64url')}`;
    const stream = new EventStream({ id, primes, changed: () => this.#changed(kept) });
    const kept: KeptStream = { id, kind, stream, onLost, bytes: 0, isAway: false, awaySince: 0, timer: undefined };
    this.#streams.set(id, kept);
    return stream;
  }

  /** The stream of an event, and the number of the event; undefined when the events after it are not here any more, or never were. */
  find(eventId: string): { readonly stream: EventStream; readonly after: number } | undefined {
    const [, id = '', number] = EVENT_ID.exec(eventId) ?? [];
    const stream = this.#streams.get(id)?.stream;
    const after = Number(number);
    return stream?.hasAfter(after) === true ? { stream, after } : undefined;
  }

  /** Connections that are open get the rest of their streams. */
  close(): void {
    this.#isClosed = true;
    for (const kept of this.#streams.values()) {
      this.#remove(kept);
      kept.stream.release();
    }
    this.#shared.delete(this);
  }

  /** Gives up what is missed least: ended streams before those of running calls, the oldest first. False when nothing is left to give up. */
  makeRoom(): boolean {
    const idle = [...this.#streams.values()].filter(({ stream }) => !stream.isConnected);
    const oldest = idle.find(({ stream }) => !stream.isRunning) ?? idle[0];
    if (oldest !== undefined) {
      this.#lose(oldest);
      return true;
    }
    const before = this.bytes;
    for (const kept of this.#streams.values()) {
      kept.stream.dropWritten();
      this.#count(kept);
      if (this.bytes < before) return true;
    }
    return false;
  }

  /** Gives up the call that has been without a connection for longest. */
  loseLongestAway(): void {
    const away = [...this.#streams.values()].filter(({ isAway }) => isAway);
    const [longest] = away.toSorted((a, b) => a.awaySince - b.awaySince);
    if (longest !== undefined) this.#lose(longest);
  }

  #changed(kept: KeptStream): void {
    if (!this.#streams.has(kept.id)) return;
    this.#count(kept);
    if (kept.stream.isConnected) {
      clearTimeout(kept.timer);
      kept.timer = undefined;
    } else if (!kept.stream.canResume) {
      this.#lose(kept);
    } else {
      kept.timer ??= setTimeout(() => this.#lose(kept), this.#shared.limits.lifetimeMs).unref();
    }
    this.#shared.limit(this);
  }

  #count(kept: KeptStream): void {
    const { bytes, isConnected, isRunning } = kept.stream;
    this.#sum(kept, bytes + STREAM_OVERHEAD_BYTES, kept.kind === 'call' && isRunning && !isConnected);
  }

  #sum(kept: KeptStream, bytes: number, isAway: boolean): void {
    const more = { bytes: bytes - kept.bytes, away: Number(isAway) - Number(kept.isAway) };
    if (isAway && !kept.isAway) kept.awaySince = performance.now();
    Object.assign(kept, { bytes, isAway });
    this.bytes += more.bytes;
    this.away += more.away;
    this.#shared.bytes += more.bytes;
    this.#shared.away += more.away;
  }

  #remove(kept: KeptStream): void {
    clearTimeout(kept.timer);
    this.#streams.delete(kept.id);
    this.#sum(kept, 0, false);
  }

  #lose(kept: KeptStream): void {
    const { isRunning } = kept.stream;
    this.#remove(kept);
    kept.stream.drop();
    if (isRunning) kept.onLost();
  }
}

/** What the sessions of a server may keep together. The one that keeps most gives up first. */
export class KeptStreams {
  readonly limits: KeptStreamLimits;
  readonly #sessions = new Set<SessionStreams>();
  bytes = 0;
  away = 0;

  constructor(limits: KeptStreamLimits = KEPT_STREAM_LIMITS) {
    this.limits = limits;
  }

  add(session: SessionStreams): void {
    this.#sessions.add(session);
  }

  delete(session: SessionStreams): void {
    this.#sessions.delete(session);
  }

  /** Keeps to the limits after a change of this session. */
  limit(session: SessionStreams): void {
    const { sessionBytes, totalBytes, sessionAway, totalAway } = this.limits;
    while (session.away > sessionAway) session.loseLongestAway();
    while (session.bytes > sessionBytes && session.makeRoom());
    while (this.away > totalAway) this.#mostAway().loseLongestAway();
    while (this.bytes > totalBytes && this.#makeRoom());
  }

  /** The largest session may have nothing to give up: clients that are connected and have not read yet. */
  #makeRoom(): boolean {
    return [...this.#sessions].toSorted((a, b) => b.bytes - a.bytes).some((session) => session.makeRoom());
  }

  #mostAway(): SessionStreams {
    return [...this.#sessions].reduce((most, each) => (each.away > most.away ? each : most));
  }
}
