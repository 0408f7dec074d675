import { type ChildProcess, fork } from 'node:child_process';
import { link, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { DatabaseSpec } from '../database/generation-database.js';
import { type DatabaseFile, fileNamesOf, statDatabaseFile, temporaryName } from '../files/database-file.js';
import type { StatementShape } from '../statements/inspection.js';
import type { SqlParameters } from '../values/sql-values.js';
import {
  fromChannel,
  type Message,
  type PreflightAnswer,
  type PreflightRequest,
  toChannel,
} from './preflight-messages.js';

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./preflight-main.js', import.meta.url));
const STDERR_CHARS = 2_000;

export interface PreflightOptions {
  /** The limit for opening the file, and for inspecting each statement. */
  readonly timeoutMs: number;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

interface PendingAnswer {
  readonly resolve: (answer: PreflightAnswer) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * A replacing file as it would be served, opened by a separate process, read-only and under a second name: by its own name
 * DuckDB would find the log of the earlier file. The caller of `open` disposes it.
 */
export class PreflightProcess implements Disposable {
  /** The file that was opened. */
  readonly file: DatabaseFile;
  /** Inspected texts that are one SELECT. */
  readonly plainSelects = new Set<string>();
  readonly #path: string;
  readonly #link: string;
  readonly #options: PreflightOptions;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, PendingAnswer>();
  #stderr = '';
  #isLate = false;
  #lastId = 0;

  private constructor(path: string, opened: { file: DatabaseFile; link: string }, options: PreflightOptions) {
    this.file = opened.file;
    this.#path = path;
    this.#link = opened.link;
    this.#options = options;
    const child = fork(ENTRY, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve());
      // A process that did not start emits no `close`.
      child.once('error', () => child.pid === undefined && resolve());
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_CHARS);
    });
    child.on('message', (message) => {
      // Sent by the child process, of the same version.
      const { id, body } = fromChannel(message) as Message<PreflightAnswer>;
      this.#pending.get(id)?.resolve(body);
    });
    child.on('error', (error) => this.#failAll(messageOf(error)));
    child.on('close', (code, signal) => this.#failAll(`ended by ${signal ?? `exit code ${code}`}`));
    options.signal.addEventListener('abort', this.#kill);
    if (options.signal.aborted) this.#kill();
  }

  /** Throws what opening the file throws, `secret_failed`, `extension_failed`. */
  static async open(spec: DatabaseSpec, options: PreflightOptions): Promise<PreflightProcess> {
    const names = await fileNamesOf(spec.path);
    const path = temporaryName(names);
    await link(names.database, path);
    const file = await statDatabaseFile(path);
    if (file === null) throw new MxcpError('database_missing', `database ${spec.path} is gone from the disk`);
    const preflight = new PreflightProcess(spec.path, { file, link: path }, options);
    try {
      await preflight.#ask({ kind: 'open', spec: { ...spec, path, readonly: true } });
      return preflight;
    } catch (error) {
      await preflight.dispose();
      throw error;
    }
  }

  /** Compiles a statement on the file. Throws `query_failed`. */
  async inspect(sql: string, samples?: SqlParameters): Promise<StatementShape> {
    const answer = await this.#ask({ kind: 'inspect', sql, samples });
    if (answer.kind !== 'inspected') throw new Error(`asked to inspect, the process answered "${answer.kind}"`);
    if (answer.isPlainSelect) this.plainSelects.add(sql);
    return { parameterNames: answer.parameterNames };
  }

  /** Ends the process and removes the second name. */
  async dispose(): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#kill);
    this.#kill();
    await this.#ended;
    await rm(this.#link, { force: true });
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  async #ask(body: PreflightRequest): Promise<PreflightAnswer> {
    const id = ++this.#lastId;
    const late = setTimeout(() => {
      this.#isLate = true;
      this.#kill();
    }, this.#options.timeoutMs);
    try {
      const answer = await new Promise<PreflightAnswer>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        // An object, because a message is one.
        this.#child.send(toChannel({ id, body }) as object, (error) => {
          if (error !== null) this.#failAll(messageOf(error));
        });
      });
      if (answer.kind !== 'failed') return answer;
      const message = answer.message.replaceAll(this.#link, this.#path);
      throw new MxcpError(answer.code, message, { problems: answer.problems });
    } finally {
      clearTimeout(late);
      this.#pending.delete(id);
    }
  }

  #failAll(how: string): void {
    const lastLine = this.#stderr.trim().split('\n').at(-1) ?? '';
    const why = this.#isLate
      ? `it took longer than ${this.#options.timeoutMs / 1000} s`
      : `the process that checks it failed: ${how}${lastLine === '' ? '' : ` (${lastLine})`}`;
    const reason = this.#options.signal.aborted
      ? new MxcpError('server_closing', 'the server was shut down while the new database was being checked')
      : new MxcpError(
          'database_failed',
          `cannot open database ${this.#path}: ${why}; put a DuckDB database there, or change \`duckdb.path\``,
        );
    for (const { reject } of this.#pending.values()) reject(reason);
  }
}
