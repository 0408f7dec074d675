import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type AuditFacts, type AuditValues, toAuditLine } from '../contract/index.js';
import { messageOf } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import { createSegment, type OpenSegment } from './audit-segments.js';

export interface AuditSettings {
  /** Absolute; segments are beside it. */
  readonly path: string;
  readonly maxFileBytes: number;
  /** `sync`: on the disk before the answer; `window`: with the kernel before the answer, on the disk within a second. */
  readonly durability: 'sync' | 'window';
  /** What becomes of calls that cannot be recorded. */
  readonly onFailure: 'stop' | 'continue';
  /** Segments whose records are all older are removed; undefined to remove none. */
  readonly retentionDays: number | undefined;
}

/** A record before it is a line: its hash follows from the record before it. */
export interface AuditEntry {
  readonly facts: AuditFacts & { readonly recordId: string; readonly timestamp: Date };
  readonly values: AuditValues;
  /** About as many as its line has. */
  readonly bytes: number;
}

interface AuditWriterOptions {
  readonly logger: Logger;
  readonly scrub: (text: string) => string;
  /** A segment that has records will not change any more. */
  readonly onSegmentEnded?: (() => void) | undefined;
}

/** What a line has besides the values. */
const FACTS_BYTES = 1000;
const DAY_MS = 24 * 60 * 60_000;
/** How long records may be with the kernel only, for `durability: window`. */
const WINDOW_MS = 1000;
const MAX_REMOVED = 3;

/** Writes batches of records into segments, one after the other. */
export class AuditWriter {
  readonly #settings: AuditSettings;
  readonly #options: AuditWriterOptions;
  readonly #ids = new RecordIds();
  #segment: OpenSegment | undefined;
  /** Bytes of the segment that are complete records. */
  #bytes = 0;
  #hash: string | null = null;
  #isEnding = false;
  #last: Promise<unknown> = Promise.resolve();
  #syncTimer: NodeJS.Timeout | undefined;
  /** Why records of the last window may not be on the disk. */
  #syncFailure: unknown;

  constructor(settings: AuditSettings, options: AuditWriterOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  toEntry(facts: AuditFacts, values: AuditValues): AuditEntry {
    const now = new Date();
    const bytes = FACTS_BYTES + values.input.length + values.output.length;
    return { facts: { ...facts, recordId: this.#ids.next(now.getTime()), timestamp: now }, values, bytes };
  }

  async assertFolder(): Promise<void> {
    await access(dirname(this.#settings.path), constants.W_OK | constants.X_OK);
  }

  /** Calls wait for each other. Rejects when the records are not written; what was written of them is removed again. */
  write(entries: readonly AuditEntry[]): Promise<void> {
    const writing = this.#last.then(() => this.#writeNow(entries));
    this.#last = writing.catch(() => undefined);
    return writing;
  }

  /** The next batch begins a new segment. */
  endSegment(): void {
    this.#isEnding = true;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#closeSegment();
  }

  async #writeNow(entries: readonly AuditEntry[]): Promise<void> {
    if (this.#syncFailure !== undefined) await this.#reportSyncFailure();
    const { text, hash } = this.#toLines(entries);
    for (let attempt = 1; !(await this.#writeLines(text)); attempt += 1)
      if (attempt === MAX_REMOVED) throw new Error('its segments are removed as soon as they are written');
    this.#bytes += text.length;
    this.#hash = hash;
  }

  /** False if the segment was removed, and the records with it. */
  async #writeLines(text: Buffer): Promise<boolean> {
    const segment = await this.#openFor(text.length);
    try {
      if (await this.#append(segment, text)) return true;
    } catch (error) {
      await this.#discard(segment);
      throw error;
    }
    this.#options.logger.error({ path: segment.path }, 'a segment of the audit log was removed while it was written');
    await this.#closeSegment();
    return false;
  }

  #toLines(entries: readonly AuditEntry[]): { readonly text: Buffer; readonly hash: string | null } {
    const { scrub } = this.#options;
    let hash = this.#hash;
    const lines = entries.map(({ facts, values }) => {
      const made = toAuditLine(facts, values, { previousHash: hash, scrub });
      hash = made.hash;
      return made.line;
    });
    return { text: Buffer.from(lines.join('')), hash };
  }

  /** A segment takes no more than its size, and the records of one day, so that retention can remove it. */
  async #openFor(bytes: number): Promise<OpenSegment> {
    const now = new Date();
    const isFull = this.#bytes > 0 && this.#bytes + bytes > this.#settings.maxFileBytes;
    const isOld = this.#segment !== undefined && now.getTime() - this.#segment.openedAt >= DAY_MS;
    if (isFull || isOld || this.#isEnding) await this.#closeSegment();
    if (this.#segment === undefined) {
      this.#segment = await createSegment(this.#settings.path, now);
      this.#bytes = 0;
    }
    return this.#segment;
  }

  /** False if the segment has no name any longer, so that the records would be lost with it. */
  async #append({ handle }: OpenSegment, text: Buffer): Promise<boolean> {
    for (let written = 0; written < text.length; ) {
      const { bytesWritten } = await handle.write(text, written);
      written += bytesWritten;
    }
    if (this.#settings.durability === 'window') this.#syncSoon();
    const [{ nlink }] = await Promise.all([
      handle.stat(),
      this.#settings.durability === 'sync' ? handle.datasync() : undefined,
    ]);
    return nlink > 0;
  }

  #syncSoon(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#last = this.#last
        .then(() => this.#segment?.handle.datasync())
        .catch((error: unknown) => {
          this.#syncFailure = error;
        });
    }, WINDOW_MS);
  }

  /** What the kernel could not write may be gone from its memory (`fsync(2)`), so the segment is not trusted any further. */
  async #reportSyncFailure(): Promise<void> {
    const failure = this.#syncFailure;
    this.#syncFailure = undefined;
    await this.#closeSegment().catch(() => undefined);
    throw new Error(`records of the last second may not be on the disk: ${messageOf(failure)}`);
  }

  /** Removes what was written of a batch that failed, so that its records are not there twice after a retry, and gives the segment up. */
  async #discard({ handle, path }: OpenSegment): Promise<void> {
    try {
      if (this.#bytes === 0) await rm(path, { force: true });
      else await handle.truncate(this.#bytes);
    } catch (error) {
      this.#options.logger.warn(
        { path, reason: messageOf(error) },
        'a segment of the audit log may end within a line, or with records that the next one repeats',
      );
    }
    // The error of the batch matters more.
    await this.#closeSegment().catch(() => undefined);
  }

  async #closeSegment(): Promise<void> {
    const segment = this.#segment;
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    this.#segment = undefined;
    this.#bytes = 0;
    this.#isEnding = false;
    if (segment === undefined) return;
    try {
      if (this.#settings.durability === 'window') await segment.handle.datasync();
    } finally {
      await segment.handle.close();
      this.#options.onSegmentEnded?.();
    }
  }
}

/** In one millisecond; more take the next one. */
const MAX_IN_MS = 0xfff;

/**
 * Ids of records: UUIDs of version 7, which sort by time. Those of one object also do so within a millisecond, and when the
 * clock is set back.
 */
class RecordIds {
  #lastMs = 0;
  #number = 0;

  next(now: number): string {
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#number = 0;
    } else if (this.#number < MAX_IN_MS) this.#number += 1;
    else {
      this.#lastMs += 1;
      this.#number = 0;
    }
    const time = this.#lastMs.toString(16).padStart(12, '0');
    const number = this.#number.toString(16).padStart(3, '0');
    const random = randomBytes(8);
    // The two highest bits are the variant of RFC 9562.
    random[0] = ((random[0] ?? 0) & 0x3f) | 0x80;
    const rest = random.toString('hex');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${number}-${rest.slice(0, 4)}-${rest.slice(4)}`;
  }
}
