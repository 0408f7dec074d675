import {
  ANONYMOUS,
  type CallerIdentity,
  type DatabaseSession,
  type JsonValue,
  parseTaggedParameters,
} from '../duckdb/index.js';
import { messageOf } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import type { PythonSpec } from './python-spec.js';
import type { DatabaseRequest, ServerMessage } from './worker-protocol.js';

/** Rows travel in lines of about this size. */
const BATCH_BYTES = 64 * 1024;

export interface WorkerInput {
  send(message: ServerMessage): void;
  /** Resolves when the pipe takes more; at once when nobody reads it any more. */
  sendLine(line: string): Promise<void> | undefined;
}

interface OpenSession {
  readonly session: DatabaseSession;
  readonly abort: AbortController;
}

/** The database sessions that the code of one worker has open, by the key that the worker gave them. */
export class WorkerSessions implements Disposable {
  readonly #spec: Pick<PythonSpec, 'openSession' | 'onWarning'>;
  readonly #input: WorkerInput;
  readonly #sessions = new Map<string, OpenSession>();
  /** Statements that async code waits for with the whole loop of its worker, by session. */
  readonly #loopBlockers = new Map<string, number>();
  #isDisposed = false;

  constructor(spec: Pick<PythonSpec, 'openSession' | 'onWarning'>, input: WorkerInput) {
    this.#spec = spec;
    this.#input = input;
  }

  /** Whether another session keeps the loop of the worker waiting, so that it cannot hear anything else. */
  isLoopBlockedBesides(key: string): boolean {
    return [...this.#loopBlockers.keys()].some((blocker) => blocker !== key);
  }

  /** Runs a statement and sends its rows. Never rejects: what fails is told to the worker. */
  async execute(request: DatabaseRequest, caller: CallerIdentity | undefined): Promise<void> {
    const { id, session: key } = request;
    if (request.blocksLoop) this.#loopBlockers.set(key, id);
    try {
      await this.#execute(request, this.#sessionOf(key, caller));
      this.#input.send({ op: 'db.end', id });
    } catch (error) {
      this.#input.send({ op: 'db.error', id, message: messageOf(error) });
    } finally {
      if (this.#loopBlockers.get(key) === id) this.#loopBlockers.delete(key);
    }
  }

  /** Interrupts what the session runs and refuses what it is asked for later. */
  interrupt(key: string): void {
    this.#sessions.get(key)?.abort.abort();
  }

  /** Rolls back what is open. Never rejects: a connection that cannot be closed is a warning, not the failure of its call. */
  async close(key: string): Promise<void> {
    const open = this.#sessions.get(key);
    if (open === undefined) return;
    this.#sessions.delete(key);
    open.abort.abort();
    try {
      await open.session.dispose();
    } catch (error) {
      this.#spec.onWarning(`the connection of a Python call could not be closed: ${messageOf(error)}`);
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#sessions.keys()].map((key) => this.close(key)));
  }

  #sessionOf(key: string, caller: CallerIdentity = ANONYMOUS): OpenSession {
    if (this.#isDisposed) throw new Error('the worker has ended');
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const opened = { session: this.#spec.openSession(caller), abort: new AbortController() };
    this.#sessions.set(key, opened);
    return opened;
  }

  async #execute(request: DatabaseRequest, { session, abort }: OpenSession): Promise<void> {
    const batch = new RowBatch(request.id, this.#input);
    await session.execute(request.sql, parseTaggedParameters(request.parameters), {
      signal: abort.signal,
      onColumns: (columns) =>
        this.#input.send({
          op: 'db.columns',
          id: request.id,
          columns: columns.map(({ name, type }) => ({ name, type })),
        }),
      onRow: (row) => batch.add(row),
    });
    await batch.flush();
  }
}

/** Rows on their way to the worker. */
class RowBatch {
  readonly #id: number;
  readonly #input: WorkerInput;
  #texts: string[] = [];
  #length = 0;

  constructor(id: number, input: WorkerInput) {
    this.#id = id;
    this.#input = input;
  }

  add(row: readonly JsonValue[]): Promise<void> | undefined {
    const text = JSON.stringify(row);
    this.#texts.push(text);
    this.#length += text.length;
    return this.#length >= BATCH_BYTES ? this.flush() : undefined;
  }

  flush(): Promise<void> | undefined {
    if (this.#texts.length === 0) return undefined;
    const line = `{"op":"db.rows","id":${this.#id},"rows":[${this.#texts.join(',')}]}`;
    this.#texts = [];
    this.#length = 0;
    return this.#input.sendLine(line);
  }
}
