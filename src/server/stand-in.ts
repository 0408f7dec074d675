import type { Disposable } from '../lifecycle/index.js';
import {
  FileCheck,
  type DatabaseFile,
  type DatabaseSpec,
  type GenerationDatabase,
  type InspectedDatabase,
  type ParameterValue,
  type StatementShape,
} from '../runtime/index.js';

/** A new file may be large, or need an extension that has to be fetched. */
const CHECK_TIMEOUT_MS = 30_000;

/** What endpoints are checked on as long as the database of their generation cannot be opened. */
export interface StandIn extends InspectedDatabase, Disposable {
  /** Whether it is another file than what serves. */
  readonly isReplaced: boolean;
  /** The file that was looked at; undefined until it was opened. */
  readonly file: DatabaseFile | undefined;
  readonly plainSelects: Iterable<string>;
  /** Throws what makes the file unfit. */
  open(): Promise<void>;
  dispose(): Promise<void>;
}

/** The file that has replaced the one that serves, opened in a process of its own when it is first needed. */
export class ReplacedFile implements StandIn {
  readonly isReplaced = true;
  readonly #spec: DatabaseSpec;
  readonly #signal: AbortSignal;
  #opening: Promise<FileCheck> | undefined;
  #check: FileCheck | undefined;

  constructor(spec: DatabaseSpec, signal: AbortSignal) {
    this.#spec = spec;
    this.#signal = signal;
  }

  get file(): DatabaseFile | undefined {
    return this.#check?.file;
  }

  get plainSelects(): Iterable<string> {
    return this.#check?.plainSelects ?? [];
  }

  async open(): Promise<void> {
    this.#opening ??= FileCheck.open(this.#spec, { timeoutMs: CHECK_TIMEOUT_MS, signal: this.#signal });
    this.#check = await this.#opening;
  }

  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    await this.open();
    if (this.#check === undefined) throw new Error('opened without a result');
    return this.#check.inspect(sql, samples);
  }

  async dispose(): Promise<void> {
    await this.#check?.dispose();
  }
}

/** The file that serves and stays: what is open already can be asked. */
export class UnchangedFile implements StandIn {
  readonly isReplaced = false;
  readonly file: DatabaseFile | undefined;
  readonly plainSelects: Iterable<string>;
  readonly #serving: GenerationDatabase;

  constructor(serving: GenerationDatabase) {
    this.file = serving.file;
    this.plainSelects = serving.plainSelects;
    this.#serving = serving;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    return this.#serving.inspect(sql, samples);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
