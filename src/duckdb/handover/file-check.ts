import { type ChildProcess, fork } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { DatabaseSpec } from '../database/generation-database.js';
import { type DatabaseFile, fileNamesOf, statDatabaseFile } from '../files/database-file.js';
import { linkForCheck } from '../files/earlier-files.js';
import type { StatementShape } from '../statements/query.js';
import type { ParameterValue } from '../values/sql-values.js';
import { type CheckAnswer, type CheckRequest, fromChannel, toChannel } from './check-messages.js';

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./file-check-process.js', import.meta.url));
const STDERR_CHARS = 2_000;

export interface FileCheckOptions {
  /** How long the file may take to open, and each statement to be looked at. */
  readonly timeoutMs: number;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

interface Question {
  readonly resolve: (answer: CheckAnswer) => void;
  readonly reject: (reason: Error) => void;
}

type QuestionBody = CheckRequest extends infer Each
  ? Each extends CheckRequest
    ? Omit<Each, 'id'>
    : never
  : never;

/**
 * A replaced file as it would be served, open in a process of its own, read-only and under a second name: by its own name
 * DuckDB would find the log of the file before it. Whoever opens it disposes it.
 */
export class FileCheck implements Disposable {
  /** The file that was looked at. */
  readonly file: DatabaseFile;
  /** Texts that are one SELECT, of those that were inspected. */
  readonly plainSelects = new Set<string>();
  readonly #spec: DatabaseSpec;
  readonly #link: string;
  readonly #options: FileCheckOptions;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #questions = new Map<number, Question>();
  #stderr = '';
  #isLate = false;
  #lastId = 0;

  private constructor(
    spec: DatabaseSpec,
    opened: { file: DatabaseFile; link: string },
    options: FileCheckOptions,
  ) {
    this.file = opened.file;
    this.#spec = spec;
    this.#link = opened.link;
    this.#options = options;
    this.#child = fork(ENTRY, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      // One that was never started does not end.
      this.#child.once('error', () => this.#child.pid === undefined && resolve());
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_CHARS);
    });
    this.#child.on('message', (message) => this.#settle(message));
    this.#child.on('error', (error) => this.#failAll(messageOf(error)));
    this.#child.on('close', (code, signal) => this.#failAll(`ended by ${signal ?? `exit code ${code}`}`));
    options.signal.addEventListener('abort', this.#kill);
    if (options.signal.aborted) this.#kill();
  }

  /** Throws what opening the file throws, `secret_failed`, `extension_failed`. */
  static async open(spec: DatabaseSpec, options: FileCheckOptions): Promise<FileCheck> {
    const names = await fileNamesOf(spec.path);
    const link = await linkForCheck(names);
    const file = await statDatabaseFile(link);
    if (file === null) throw new MxcpError('database_missing', `database ${spec.path} is gone from the disk`);
    const check = new FileCheck(spec, { file, link }, options);
    try {
      await check.#ask({ kind: 'open', spec: { ...spec, path: link, readonly: true } });
      return check;
    } catch (error) {
      await check.dispose();
      throw error;
    }
  }

  /** Compiles a statement on the file. Throws `query_failed`. */
  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    const answer = await this.#ask({ kind: 'inspect', sql, samples });
    if (answer.kind !== 'inspected') throw new Error(`asked to inspect, the check answered "${answer.kind}"`);
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

  async #ask(question: QuestionBody): Promise<CheckAnswer> {
    const id = ++this.#lastId;
    const late = setTimeout(() => {
      this.#isLate = true;
      this.#kill();
    }, this.#options.timeoutMs);
    try {
      const answer = await new Promise<CheckAnswer>((resolve, reject) => {
        this.#questions.set(id, { resolve, reject });
        // An object, because a question is one.
        this.#child.send(toChannel({ ...question, id }) as object, (error) => {
          if (error !== null) this.#failAll(messageOf(error));
        });
      });
      if (answer.kind !== 'failed') return answer;
      const message = answer.message.replaceAll(this.#link, this.#spec.path);
      throw new MxcpError(answer.code, message, { problems: answer.problems });
    } finally {
      clearTimeout(late);
      this.#questions.delete(id);
    }
  }

  #settle(message: unknown): void {
    // Sent by the process that was started here, of the same version.
    const answer = fromChannel(message) as CheckAnswer;
    this.#questions.get(answer.id)?.resolve(answer);
  }

  #failAll(how: string): void {
    const said = this.#stderr.trim().split('\n').at(-1) ?? '';
    const why = this.#isLate
      ? `it took longer than ${this.#options.timeoutMs / 1000} s`
      : `the check process failed: ${how}${said === '' ? '' : ` (${said})`}`;
    const reason = this.#options.signal.aborted
      ? new MxcpError('server_closing', 'the server was shut down while the replaced database was looked at')
      : new MxcpError(
          'database_failed',
          `cannot open database ${this.#spec.path}: ${why}; put a DuckDB database there, or change duckdb.path`,
        );
    for (const { reject } of this.#questions.values()) reject(reason);
  }
}
