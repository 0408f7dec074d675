import { type ChildProcess, fork } from 'node:child_process';
import { link, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type {
  DatabaseSpec,
  GenerationDatabase,
  InspectedDatabase,
  RowAccess,
} from '../database/generation-database.js';
import { type DatabaseFile, fileNamesOf, statDatabaseFile, temporaryName } from '../files/database-file.js';
import type { StatementShape } from '../statements/inspection.js';
import type { SqlParameters } from '../values/sql-values.js';
import { fromChannel, type PreflightAnswer, type PreflightRequest, toChannel } from './preflight-messages.js';

/** Where a handover checks endpoints while the database of the candidate cannot be opened. */
export interface PreflightDatabase extends InspectedDatabase, Disposable {
  /** Whether it is a different file from the current one. */
  readonly isReplaced: boolean;
  /** The file that was checked; undefined until it is open. */
  readonly file: DatabaseFile | undefined;
  /** Inspected texts that are one SELECT. */
  readonly plainSelects: Iterable<string>;
  /** Throws the reason when the file cannot be served. */
  open(): Promise<void>;
  dispose(): Promise<void>;
}

/** For a file that stays: it is open already, so the current database answers. */
export function preflightOnCurrent(current: GenerationDatabase): PreflightDatabase {
  const { file, plainSelects } = current;
  return {
    isReplaced: false,
    file,
    plainSelects,
    inspect: (sql, samples, access) => current.inspect(sql, samples, access),
    open: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
}

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./preflight-main.js', import.meta.url));
const STDERR_CHARS = 2_000;

/** For opening the file, which may be large or need an extension that must be downloaded, and for inspecting each statement. */
const TIMEOUT_MS = 30_000;

interface PendingAnswer {
  readonly resolve: (answer: PreflightAnswer) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * For a file that has replaced the current one: opened by a separate process, read-only and under a second name, because by its
 * own name DuckDB would find the log of the earlier file. The process starts at once; the file is opened when it is first needed.
 */
export class PreflightOnNewFile implements PreflightDatabase {
  readonly isReplaced = true;
  readonly plainSelects = new Set<string>();
  readonly #spec: DatabaseSpec;
  readonly #signal: AbortSignal;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, PendingAnswer>();
  #file: DatabaseFile | undefined;
  #link: string | undefined;
  #opening: Promise<void> | undefined;
  #stderr = '';
  #isLate = false;
  #lastId = 0;

  /** An abort of the signal ends the process. The caller disposes it. */
  constructor(spec: DatabaseSpec, signal: AbortSignal) {
    this.#spec = spec;
    this.#signal = signal;
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
      const answer = fromChannel(message) as PreflightAnswer;
      this.#pending.get(answer.id)?.resolve(answer);
    });
    child.on('error', (error) => this.#failAll(messageOf(error)));
    child.on('close', (code, exitSignal) => this.#failAll(`ended by ${exitSignal ?? `exit code ${code}`}`));
    signal.addEventListener('abort', this.#kill);
    if (signal.aborted) this.#kill();
  }

  get file(): DatabaseFile | undefined {
    return this.#file;
  }

  /** Throws what opening the file throws, `secret_failed`, `extension_failed`. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Compiles a statement on the file. Throws `query_failed`. */
  async inspect(sql: string, samples?: SqlParameters, access?: RowAccess): Promise<StatementShape> {
    await this.open();
    const { shape } = await this.#ask({ sql, samples, access });
    if (shape === undefined) throw new Error('the preflight process answered without a shape');
    if (shape.isPlainSelect) this.plainSelects.add(sql);
    // The process has the file open read-only in any case.
    return this.#spec.readonly ? shape : { ...shape, isRefusedWrite: false };
  }

  /** Ends the process and removes the second name. */
  async dispose(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#kill);
    this.#kill();
    await this.#ended;
    if (this.#link !== undefined) await rm(this.#link, { force: true });
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  async #open(): Promise<void> {
    const names = await fileNamesOf(this.#spec.path);
    const path = temporaryName(names);
    this.#link = path;
    await link(names.database, path);
    this.#file = (await statDatabaseFile(path)) ?? undefined;
    if (this.#file === undefined)
      throw new MxcpError('database_missing', `database ${this.#spec.path} is gone from the disk`);
    await this.#ask({ spec: { ...this.#spec, path, readonly: true } });
  }

  async #ask(request: PreflightRequest): Promise<PreflightAnswer> {
    const id = ++this.#lastId;
    const late = setTimeout(() => {
      this.#isLate = true;
      this.#kill();
    }, TIMEOUT_MS);
    try {
      const answer = await new Promise<PreflightAnswer>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        // An object, because a message is one.
        this.#child.send(toChannel({ id, request }) as object, (error) => {
          if (error !== null) this.#failAll(messageOf(error));
        });
      });
      if (answer.failure === undefined) return answer;
      const { code, message, problems } = answer.failure;
      const shown = this.#link === undefined ? message : message.replaceAll(this.#link, this.#spec.path);
      throw new MxcpError(code, shown, { problems });
    } finally {
      clearTimeout(late);
      this.#pending.delete(id);
    }
  }

  #failAll(how: string): void {
    const lastLine = this.#stderr.trim().split('\n').at(-1) ?? '';
    const why = this.#isLate
      ? `it took longer than ${TIMEOUT_MS / 1000} s`
      : `the process that checks it failed: ${how}${lastLine === '' ? '' : ` (${lastLine})`}`;
    const reason = this.#signal.aborted
      ? new MxcpError('server_closing', 'the server was shut down while the new database was being checked')
      : new MxcpError(
          'database_failed',
          `cannot open database ${this.#spec.path}: ${why}; put a DuckDB database there, or change \`duckdb.path\``,
        );
    for (const { reject } of this.#pending.values()) reject(reason);
  }
}
