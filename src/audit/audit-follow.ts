import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditSelection } from '../contract/index.js';
import type { FoundRecord } from './audit-sql.js';
import { listSegments } from './audit-segments.js';

const INTERVAL_MS = 250;
const CHUNK_BYTES = 1024 * 1024;

/** Reads records as they are written: those of segments that exist at the start are read from their end. */
export class AuditFollower {
  readonly #basePath: string;
  readonly #offsets = new Map<string, number>();
  /** The end of a segment that is no complete line yet. */
  readonly #begun = new Map<string, Buffer>();

  constructor(basePath: string) {
    this.#basePath = basePath;
  }

  async start(): Promise<void> {
    for (const { path, bytes } of await listSegments(this.#basePath)) this.#offsets.set(path, bytes);
  }

  /** Until the signal aborts. */
  async *records(filter: AuditSelection, signal: AbortSignal): AsyncGenerator<FoundRecord> {
    while (!signal.aborted) {
      for (const { path, bytes } of await listSegments(this.#basePath)) {
        if (bytes > (this.#offsets.get(path) ?? 0)) yield* this.#newIn(path, filter);
      }
      // An abort ends the wait.
      await delay(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async *#newIn(path: string, filter: AuditSelection): AsyncGenerator<FoundRecord> {
    const handle = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const offset = this.#offsets.get(path) ?? 0;
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, offset);
        if (bytesRead === 0) return;
        this.#offsets.set(path, offset + bytesRead);
        const found = this.#linesOf(path, buffer.subarray(0, bytesRead)).map(parseRecord);
        yield* found.filter((record) => record !== undefined).filter((record) => matches(record, filter));
      }
    } finally {
      await handle.close();
    }
  }

  #linesOf(path: string, read: Buffer): readonly string[] {
    const text = Buffer.concat([this.#begun.get(path) ?? Buffer.alloc(0), read]);
    const end = text.lastIndexOf('\n') + 1;
    this.#begun.set(path, text.subarray(end));
    return text.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  }
}

function parseRecord(line: string): FoundRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    // A line of the audit log is an object; another one has no fields that could be asked for.
    return typeof value === 'object' && value !== null ? (value as FoundRecord) : undefined;
  } catch {
    // A line that is no record costs itself only.
    return undefined;
  }
}

function matches(record: FoundRecord, filter: AuditSelection): boolean {
  const time = Date.parse(String(record['timestamp']));
  if (filter.from !== undefined && !(time >= filter.from.getTime())) return false;
  if (filter.until !== undefined && !(time <= filter.until.getTime())) return false;
  const wanted = [
    ['schema_name', filter.schemaName],
    ['operation_type', filter.operationType],
    ['operation_name', filter.operationName],
    ['operation_status', filter.operationStatus],
    ['user_id', filter.userId],
    ['trace_id', filter.traceId],
    ['policy_decision', filter.policyDecision],
  ] as const;
  return wanted.every(([name, value]) => value === undefined || record[name] === value);
}
