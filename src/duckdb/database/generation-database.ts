import type { SecretDefinition } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { DatabaseFile } from '../files/database-file.js';
import { sweepEarlier } from '../files/earlier-files.js';
import { type DatabaseSession, LateSession } from '../statements/call-session.js';
import type { CallerIdentity } from '../statements/connections.js';
import type { QueryableDatabase, QueryOptions, StatementShape } from '../statements/query.js';
import type { ParameterValue } from '../values/sql-values.js';
import type { InstanceSpec } from './database-instance.js';
import type { DatabaseRegistry, InstanceShare } from './database-registry.js';
import { OpenDatabase } from './open-database.js';

export interface DatabaseSpec extends InstanceSpec {
  readonly secrets: readonly SecretDefinition[];
}

/** Between the end of what was open and the beginning of what comes after it. */
interface Suspension {
  readonly ended: Promise<OpenDatabase>;
  readonly resume: (open: OpenDatabase) => void;
  readonly giveUp: (reason: Error) => void;
}

/**
 * The database of one generation. It is built beside what serves: its secrets wait in an open transaction until
 * `commit()`, and are gone without a trace when it is disposed instead. A handover closes it for a moment; whoever asks it
 * something then waits for the end of that.
 */
export class GenerationDatabase implements QueryableDatabase, Disposable {
  readonly spec: DatabaseSpec;
  readonly registry: DatabaseRegistry;
  readonly #plainSelects = new Set<string>();
  #open: OpenDatabase | undefined;
  #closedBecause: Error;
  #suspension: Suspension | undefined;
  #disposed: Promise<void> | undefined;

  private constructor(registry: DatabaseRegistry, spec: DatabaseSpec) {
    this.registry = registry;
    this.spec = spec;
    this.#closedBecause = new MxcpError(
      'database_failed',
      `database ${spec.path} is not open yet: code that is being imported cannot use it, an on_init hook can`,
    );
  }

  /** Nothing is open yet. The generation disposes it. */
  static create(registry: DatabaseRegistry, spec: DatabaseSpec): GenerationDatabase {
    return new GenerationDatabase(registry, spec);
  }

  /** Throws what `open` throws. The generation disposes it. */
  static async build(registry: DatabaseRegistry, spec: DatabaseSpec): Promise<GenerationDatabase> {
    const database = new GenerationDatabase(registry, spec);
    await database.open();
    return database;
  }

  get path(): string {
    return this.spec.path;
  }

  /** As it was when it was opened. */
  get file(): DatabaseFile | undefined {
    return this.#open?.instance.file;
  }

  /** What the file is really open as. */
  get readonly(): boolean {
    return this.#open?.instance.readonly ?? this.spec.readonly;
  }

  /** How this generation came to its instance. */
  get action(): InstanceShare['action'] {
    return this.#open?.action ?? 'opened';
  }

  /** Undefined while it is closed. */
  get opened(): OpenDatabase | undefined {
    return this.#open;
  }

  /** Throws what opening an instance throws, `database_replaced`, `secret_failed`; nothing is open then. */
  async open(): Promise<void> {
    this.#open = await this.openShare(await this.registry.acquire(this.spec));
  }

  /** Stages the secrets on a share of an instance, which is released when that fails. */
  async openShare(share: InstanceShare): Promise<OpenDatabase> {
    const open = new OpenDatabase(share, this.#plainSelects);
    try {
      await open.stage(this.spec.secrets);
      return open;
    } catch (error) {
      await open.dispose();
      throw error;
    }
  }

  async query(
    sql: string,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: QueryOptions,
  ): Promise<void> {
    const open = this.#open ?? (await this.#whenOpen());
    await open.query(sql, parameters, options);
  }

  /** The database as one call of a function sees it. Whoever asks for it disposes it; what is left goes with the database. */
  openSession(caller: CallerIdentity): DatabaseSession {
    if (this.#open !== undefined) return this.#open.openSession(caller);
    return new LateSession(this.#whenOpen().then((open) => open.openSession(caller)));
  }

  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    const open = this.#open ?? (await this.#whenOpen());
    return open.inspect(sql, samples);
  }

  /** Texts that were inspected and are one SELECT. */
  get plainSelects(): ReadonlySet<string> {
    return this.#plainSelects;
  }

  /** Texts of which it was found out elsewhere that they are one SELECT. */
  knowPlainSelects(texts: Iterable<string>): void {
    for (const text of texts) this.#plainSelects.add(text);
  }

  /** Throws `database_failed` when the database does not answer. */
  async ping(): Promise<void> {
    const open = this.#open ?? (await this.#whenOpen());
    await open.ping();
  }

  /**
   * Makes the staged secrets those of the instance, all at once: the only effect of a build that others can see. Throws
   * `secret_failed`, after which nothing has changed.
   */
  async commit(): Promise<void> {
    await this.#open?.commit();
  }

  /** Closes what is open. Whoever asks for something from now on waits until `resume` or `giveUp`. */
  async suspend(): Promise<void> {
    this.#suspension ??= createSuspension();
    const open = this.#open;
    this.#open = undefined;
    await open?.dispose();
  }

  resume(open: OpenDatabase): void {
    this.#open = open;
    this.#suspension?.resume(open);
    this.#suspension = undefined;
  }

  /** After a handover: what this generation still does, such as its last hooks, ends on what the next one has open. */
  follow(next: GenerationDatabase): void {
    const share = next.#open === undefined ? undefined : this.registry.shareOf(next.#open.instance);
    if (share !== undefined) this.resume(new OpenDatabase(share, this.#plainSelects));
  }

  /**
   * When the file serves: removes what was kept of those before it. Returns warnings about what has to be kept, never
   * throws.
   */
  settle(): Promise<readonly string[]> {
    return this.#open === undefined ? Promise.resolve([]) : sweepEarlier(this.#open.instance.names);
  }

  /** Nothing will be open any more. */
  giveUp(reason: Error): void {
    this.#closedBecause = reason;
    this.#suspension?.giveUp(reason);
    this.#suspension = undefined;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.giveUp(
      new MxcpError(
        'database_failed',
        `database ${this.path} is not open any more: its generation has ended`,
      ),
    );
    await this.#open?.dispose();
    this.#open = undefined;
  }

  async #whenOpen(): Promise<OpenDatabase> {
    if (this.#suspension === undefined) throw this.#closedBecause;
    return this.#suspension.ended;
  }
}

function createSuspension(): Suspension {
  let resume: Suspension['resume'] = () => undefined;
  let giveUp: Suspension['giveUp'] = () => undefined;
  const ended = new Promise<OpenDatabase>((resolve, reject) => {
    resume = resolve;
    giveUp = reject;
  });
  // Often nobody waits for it.
  ended.catch(() => undefined);
  return { ended, resume, giveUp };
}
