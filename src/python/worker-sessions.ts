import {
  ANONYMOUS,
  type CallerIdentity,
  type DatabaseSession,
  parseTaggedParameters,
} from '../duckdb/index.js';
import { messageOf } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import type { PythonSpec } from './python-spec.js';
import type { WorkerProcess } from './worker-process.js';
import type { MessageOf } from './worker-protocol.js';

/** Rows are sent in lines of about this size. */
const BATCH_BYTES = 64 * 1024;

interface OpenSession {
  readonly session: DatabaseSession;
  readonly abort: AbortController;
}

/** The database sessions that the code of one worker has open, by the key that the worker chose. */
export class WorkerSessions implements Disposable {
  readonly #spec: Pick<PythonSpec, 'openSession' | 'onWarning'>;
  readonly #process: WorkerProcess;
  readonly #sessions = new Map<string, OpenSession>();
  /** Statements for which async code blocks the event loop of its worker, by session. */
  readonly #loopBlockers = new Map<string, number>();
  #isDisposed = false;

  constructor(spec: Pick<PythonSpec, 'openSession' | 'onWarning'>, process: WorkerProcess) {
    this.#spec = spec;
    this.#process = process;
  }

  /** Whether another session blocks the event loop of the worker, which then receives no cancellation. */
  isLoopBlockedBesides(key: string): boolean {
    return [...this.#loopBlockers.keys()].some((blocker) => blocker !== key);
  }

  /** Runs a statement and sends its rows. Never rejects: an error is sent to the worker. */
  async execute(request: MessageOf<'db'>, caller: CallerIdentity | undefined): Promise<void> {
    const { id, session: key } = request;
    if (request.blocksLoop) this.#loopBlockers.set(key, id);
    try {
      await this.#sendRows(request, this.#sessionOf(key, caller));
      this.#process.send({ op: 'db.end', id });
    } catch (error) {
      this.#process.send({ op: 'db.error', id, message: messageOf(error) });
    } finally {
      if (this.#loopBlockers.get(key) === id) this.#loopBlockers.delete(key);
    }
  }

  /** Interrupts the running statement of the session and refuses later ones. */
  interrupt(key: string): void {
    this.#sessions.get(key)?.abort.abort();
  }

  /** Rolls back an open transaction. Never rejects: a connection that cannot be closed is a warning and does not fail the call. */
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

  async #sendRows({ id, sql, parameters }: MessageOf<'db'>, { session, abort }: OpenSession): Promise<void> {
    let texts: string[] = [];
    let length = 0;
    const flush = (): Promise<void> | undefined => {
      if (texts.length === 0) return undefined;
      const line = `{"op":"db.rows","id":${id},"rows":[${texts.join(',')}]}`;
      texts = [];
      length = 0;
      return this.#process.sendLine(line);
    };
    await session.execute(sql, parseTaggedParameters(parameters), {
      signal: abort.signal,
      onColumns: (all) => {
        const columns = all.map(({ name, type }) => ({ name, type }));
        this.#process.send({ op: 'db.columns', id, columns });
      },
      onRow: (row) => {
        const text = JSON.stringify(row);
        texts.push(text);
        length += text.length;
        return length >= BATCH_BYTES ? flush() : undefined;
      },
    });
    await flush();
  }
}
