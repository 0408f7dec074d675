import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AuditSelection } from '../contract/index.js';
import { type ErrorCode, messageOf, MxcpError } from '../errors/index.js';
import { CallGate, type Disposable, raceSignal } from '../lifecycle/index.js';
import type { FoundStats } from './audit-reader.js';
import type { FoundRecord } from './audit-sql.js';

export interface AuditQuestion {
  readonly path: string;
  readonly threads: number;
  readonly filter: AuditSelection;
  /** Undefined to count instead of reading. */
  readonly page: { readonly limit: number; readonly offset: number } | undefined;
}

export interface AuditReply {
  readonly records?: readonly FoundRecord[];
  readonly stats?: FoundStats;
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
}

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./audit-query-main.js', import.meta.url));
const MAX_QUEUED = 16;
/** It takes a tenth of a second to start, and 60 MB while it is there. */
const IDLE_MS = 60_000;
const THREADS = 2;

/** Answers questions about the audit log of one profile, one at a time, in a process that starts when it is needed. */
export class AuditQueries implements Disposable {
  readonly #path: string;
  readonly #gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: MAX_QUEUED });
  #process: QueryProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The newest first. Throws `query_failed`, `server_busy`, `server_closing`. */
  async records(
    filter: AuditSelection,
    page: AuditQuestion['page'],
    signal: AbortSignal,
  ): Promise<readonly FoundRecord[]> {
    const { records = [] } = await this.#ask({ path: this.#path, threads: THREADS, filter, page }, signal);
    return records;
  }

  async stats(filter: AuditSelection, signal: AbortSignal): Promise<FoundStats> {
    const { stats } = await this.#ask({ path: this.#path, threads: THREADS, filter, page: undefined }, signal);
    if (stats === undefined) throw new Error('the audit query process answered without counts');
    return stats;
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#idle);
    await this.#process?.dispose();
  }

  /** Ends the process without waiting, for a server that exits at once. */
  abandon(): void {
    this.#process?.abandon();
  }

  async #ask(question: AuditQuestion, signal: AbortSignal): Promise<AuditReply> {
    const release = await this.#gate.acquire('the audit log', signal);
    clearTimeout(this.#idle);
    try {
      if (this.#isDisposed) throw new MxcpError('server_closing', 'the server is shutting down');
      if (this.#process?.hasEnded !== false) this.#process = new QueryProcess();
      const reply = await this.#process.ask(question, signal);
      if (reply.failure !== undefined) throw new MxcpError(reply.failure.code, reply.failure.message);
      return reply;
    } finally {
      if (!this.#isDisposed) this.#idle = setTimeout(() => void this.#process?.dispose(), IDLE_MS).unref();
      release();
    }
  }
}

/** One process, which answers one question at a time. A question that is given up ends it. */
class QueryProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #answer: (reply: AuditReply) => void = () => undefined;
  hasEnded = false;

  constructor() {
    this.#child = fork(ENTRY, [], {
      // Nothing of the server's environment, which may hold secrets.
      env: { HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#end(`its process ended unexpectedly (${signal ?? `exit code ${code}`})`);
        resolve();
      });
      this.#child.on('error', (error) => {
        this.#end(`its process cannot be used: ${messageOf(error)}`);
        // A process that did not start emits no `close`.
        if (this.#child.pid === undefined) resolve();
      });
    });
    // The only sender is the process started above, which has the same version.
    this.#child.on('message', (reply) => this.#answer(reply as AuditReply));
  }

  async ask(question: AuditQuestion, signal: AbortSignal): Promise<AuditReply> {
    signal.throwIfAborted();
    const answered = new Promise<AuditReply>((resolve) => {
      this.#answer = resolve;
    });
    // If the send fails, the end of the process answers.
    if (this.#child.connected) this.#child.send(question, () => undefined);
    try {
      return await raceSignal(answered, signal);
    } catch (error) {
      this.#end('the question was given up');
      throw error;
    }
  }

  dispose(): Promise<void> {
    this.#end('the server was stopped');
    return this.#closed;
  }

  abandon(): void {
    this.#child.kill('SIGKILL');
  }

  #end(reason: string): void {
    this.hasEnded = true;
    this.#child.kill('SIGKILL');
    this.#answer({ failure: { code: 'query_failed', message: `the audit log cannot be read: ${reason}` } });
  }
}
