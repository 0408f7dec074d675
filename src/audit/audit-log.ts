import type { AuditFacts, AuditValues } from '../contract/index.js';
import { messageOf, MxcpError } from '../errors/index.js';
import { Backoff, type Disposable, LONGEST_TIMER_MS, within } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { createAuditFolder } from './audit-segments.js';
import { type AuditEntry, type AuditSettings, AuditWriter } from './audit-writer.js';

export interface AuditLogOptions {
  readonly settings: AuditSettings;
  readonly logger: Logger;
  /** Removes secrets from a line. */
  readonly scrub: (text: string) => string;
  /** Learns of records that were written, and of those that are lost. */
  readonly onRecords?: ((outcome: 'written' | 'lost', count: number) => void) | undefined;
  /** A segment that has records will not change any more. */
  readonly onSegmentEnded?: (() => void) | undefined;
  /** How long a write may take before calls are answered with its failure. */
  readonly answerMs?: number;
}

/** How the log is doing, for `/status`, `/readyz` and metrics. */
export interface AuditState {
  readonly path: string;
  /** Undefined while records can be written. */
  readonly failure: string | undefined;
  readonly failingSince: Date | undefined;
  /** Records that will never be written. */
  readonly lost: number;
}

interface Waiting {
  readonly entry: AuditEntry;
  readonly settle: (failure?: MxcpError) => void;
}

/** A disk that does not answer must not hold all calls for ever. */
const ANSWER_MS = 10_000;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** Records of calls that ran while nothing could be written, to be written later. */
const MAX_UNSAVED_BYTES = 16 * 1024 * 1024;
const RETRIES = { firstMs: 500, longestMs: 10_000 } as const;
const CLOSE_MS = 3000;

/**
 * The audit log of one server. All records that arrive while a batch is being written form the next one, so one synchronisation of the disk
 * serves many calls. When a batch cannot be written, the log is failing: with `stop`, calls that have run are answered with
 * `audit_failed` and new ones do not run, until a retry has written what is missing. The server closes it after the last call.
 */
export class AuditLog implements Disposable {
  readonly #options: AuditLogOptions;
  readonly #writer: AuditWriter;
  readonly #backoff = new Backoff(RETRIES);
  #queue: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #unsaved: AuditEntry[] = [];
  #unsavedBytes = 0;
  #failure: { readonly reason: string; readonly since: Date } | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  /** Calls that were refused without a record, because none could be written. */
  #refused = 0;
  #lostInGap = 0;
  #recovering: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    const { settings, logger, scrub, onSegmentEnded } = options;
    this.#writer = new AuditWriter(settings, { logger, scrub, onSegmentEnded });
  }

  /** Throws `audit_failed` if the folder cannot be written and calls need their records. */
  async open(): Promise<void> {
    const { settings, logger } = this.#options;
    try {
      await createAuditFolder(settings.path);
      await this.#writer.assertFolder();
    } catch (error) {
      const failure = this.#toFailure(messageOf(error));
      if (settings.onFailure === 'stop') throw failure;
      this.#fail(messageOf(error));
      logger.warn(`serving without audit records, as \`audit.on_failure\` says: ${failure.message}`);
    }
  }

  get state(): AuditState {
    const { reason: failure, since: failingSince } = this.#failure ?? {};
    return { path: this.#options.settings.path, failure, failingSince, lost: this.#lost };
  }

  /** Throws `audit_failed` while nothing can be written and calls need their records: such a call must not run. */
  assertReady(): void {
    if (this.#failure === undefined || this.#options.settings.onFailure === 'continue') return;
    this.#refused += 1;
    throw this.#toFailure(this.#failure.reason);
  }

  /** Resolves when the record is as safe as `durability` says. Rejects with `audit_failed` if calls need their records. */
  append(facts: AuditFacts, values: AuditValues): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (failure?: MxcpError): void => (failure === undefined ? resolve() : reject(failure));
      const waiting = { entry: this.#writer.toEntry(facts, values), settle };
      if (this.#isClosed) return this.#giveUp([waiting], 'the server is closing');
      if (this.#failure !== undefined) return this.#giveUp([waiting], this.#failure.reason);
      this.#queue.push(waiting);
      this.#startFlush();
    });
  }

  /** Begins a new segment, for programs that have moved the current one. */
  reopen(): void {
    this.#writer.endSegment();
  }

  /** Waits until everything is written, or cannot be. */
  async dispose(): Promise<void> {
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    if (this.#failure !== undefined) await within(this.#recover(), CLOSE_MS);
    clearTimeout(this.#retry);
    while (this.#flushing !== undefined) await this.#flushing;
    this.#isClosed = true;
    if (this.#unsaved.length > 0) this.#lose(this.#unsaved.length);
    await within(this.#writer.close(), CLOSE_MS);
  }

  async #flush(): Promise<void> {
    // What arrives in the same turn belongs to the same batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      const failure = await this.#write(
        batch.map(({ entry }) => entry),
        this.#options.answerMs ?? ANSWER_MS,
      );
      if (failure === undefined) {
        for (const { settle } of batch) settle();
        continue;
      }
      this.#fail(failure.reason);
      this.#giveUp(batch, failure.reason, failure.isPending);
      this.#giveUp(this.#queue.splice(0), failure.reason);
    }
    // In the same turn as the last look at the queue: what comes later needs a flush of its own.
    this.#flushing = undefined;
  }

  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#queue) {
      if (count > 0 && bytes + entry.bytes > MAX_BATCH_BYTES) break;
      bytes += entry.bytes;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Undefined for success. `isPending` if the disk has not answered, so that the records may still be written. */
  async #write(
    entries: readonly AuditEntry[],
    limitMs: number,
  ): Promise<{ readonly reason: string; readonly isPending: boolean } | undefined> {
    const writing = this.#writer.write(entries).then(
      () => {
        this.#options.onRecords?.('written', entries.length);
        return { reason: undefined };
      },
      (error: unknown) => ({ reason: messageOf(error) }),
    );
    const outcome = await within(writing, limitMs);
    if (outcome === undefined) return { reason: `the disk has not answered for ${limitMs / 1000} s`, isPending: true };
    return outcome.reason === undefined ? undefined : { reason: outcome.reason, isPending: false };
  }

  /** Answers calls whose records are not written now; the records are kept until a retry, as far as there is room. */
  #giveUp(waiting: readonly Waiting[], reason: string, isPending = false): void {
    const { onFailure } = this.#options.settings;
    for (const { entry, settle } of waiting) {
      if (!isPending) this.#keep(entry);
      settle(onFailure === 'stop' ? this.#toFailure(reason) : undefined);
    }
  }

  #keep(entry: AuditEntry): void {
    if (this.#isClosed || this.#unsavedBytes + entry.bytes > MAX_UNSAVED_BYTES) return this.#lose(1);
    this.#unsaved.push(entry);
    this.#unsavedBytes += entry.bytes;
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#lostInGap += count;
    this.#options.onRecords?.('lost', count);
  }

  #fail(reason: string): void {
    const { logger, settings } = this.#options;
    const { since } = this.#failure ?? { since: new Date() };
    const facts = { path: settings.path, reason };
    if (this.#failure?.reason !== reason && settings.onFailure === 'stop')
      logger.error(
        facts,
        'the audit log cannot be written, so calls are refused; free space or repair the folder, the server retries by itself',
      );
    else if (this.#failure?.reason !== reason)
      logger.error(
        facts,
        'the audit log cannot be written; calls continue without records, as `audit.on_failure` says',
      );
    this.#failure = { reason, since };
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#recover(), this.#backoff.next()).unref();
  }

  #recover(): Promise<void> {
    this.#recovering ??= this.#writeMissing().finally(() => (this.#recovering = undefined));
    return this.#recovering;
  }

  /** Writes what is missing, and a record of the gap. However long the disk takes, there is one attempt at a time: two would write twice. */
  async #writeMissing(): Promise<void> {
    const { reason = '', since = new Date() } = this.#failure ?? {};
    const gap = { since, refused: this.#refused, lost: this.#lostInGap };
    const late = this.#unsaved.slice();
    const failure = await this.#write([...late, this.#writer.toEntry(...gapRecord(gap, reason))], LONGEST_TIMER_MS);
    if (failure !== undefined) return this.#fail(failure.reason);
    const more = this.#unsaved.slice(late.length);
    this.#unsaved = [];
    this.#unsavedBytes = 0;
    this.#refused -= gap.refused;
    this.#lostInGap -= gap.lost;
    this.#failure = undefined;
    this.#backoff.reset();
    const { logger, settings } = this.#options;
    const { refused, lost } = gap;
    logger.warn({ path: settings.path, refused, lost, late: late.length }, 'the audit log can be written again');
    for (const entry of more) this.#queue.push({ entry, settle: () => undefined });
    if (more.length > 0) this.#startFlush();
  }

  #startFlush(): void {
    this.#flushing ??= this.#flush();
  }

  #toFailure(reason: string): MxcpError {
    return new MxcpError(
      'audit_failed',
      'the audit log cannot be written, and this server answers no call without its record; try again later',
      {
        logMessage: `the audit log ${this.#options.settings.path} cannot be written: ${reason}; free space or repair the folder`,
        retryAfterSeconds: 5,
      },
    );
  }
}

function gapRecord(
  { since, refused, lost }: { readonly since: Date; readonly refused: number; readonly lost: number },
  reason: string,
): [AuditFacts, AuditValues] {
  const facts: AuditFacts = {
    ...NO_FACTS,
    schemaName: 'mxcp.admin',
    schemaVersion: 1,
    operationType: 'audit',
    operationName: 'gap',
    operationStatus: 'error',
    durationMs: Date.now() - since.getTime(),
    callerType: 'server',
    error: reason,
    errorCode: 'audit_failed',
  };
  return [facts, { input: 'null', output: JSON.stringify({ refused, lost }) }];
}

/** What most records lack. */
export const NO_FACTS = {
  durationMs: null,
  userId: null,
  sessionId: null,
  traceId: null,
  error: null,
  policiesEvaluated: null,
  policyDecision: null,
  policyReason: null,
  businessContext: null,
  executionEvents: null,
  errorCode: null,
  decisionId: null,
  username: null,
  requestId: null,
  client: null,
  group: null,
  generation: null,
  reloadId: null,
  configFingerprint: null,
  questionId: null,
} as const;
