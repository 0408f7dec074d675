import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { Duplex, type Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EventLoopBudget, within } from '../lifecycle/index.js';
import type { PythonSpec } from './python-spec.js';
import { WorkerOutput } from './worker-output.js';
import type { ServerMessage } from './worker-protocol.js';

/** A longer line ends the worker. The worker keeps its own statements below it; results are bounded by their calls. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** How long what a dead worker wrote is still read. A process that it has forked may hold the pipes open for ever. */
const LAST_LINES_MS = 250;

/** What a worker has written to standard error last, for the report of one that does not come up. */
const KEPT_ERROR_LINES = 6;

export interface WorkerChildOptions {
  readonly interpreter: string;
  readonly spec: Pick<PythonSpec, 'projectRoot' | 'environment' | 'output' | 'scrubber'>;
  /** What it throws ends the process. */
  readonly onLine: (line: Buffer) => void;
}

/** One Python process with its pipes. It has ended for good, with all it has started, when `exited` has resolved. */
export class WorkerChild {
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  readonly #input: Duplex;
  readonly #errorLines: string[] = [];
  #endReason: string | undefined;
  #hasExited = false;
  /** While the pipe is full. */
  #drained: Promise<void> | undefined;

  /** Returns at once; an interpreter that cannot be started shows in `exited`. */
  constructor(options: WorkerChildOptions) {
    const { interpreter, spec } = options;
    this.#child = spawn(interpreter, [findWorkerScript()], {
      cwd: spec.projectRoot,
      env: { ...spec.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal is the server's, and what the code starts can be ended with it.
      detached: true,
    });
    const exit = exitOf(this.#child);
    this.#input = pipeOf(this.#child, 3);
    const lines = this.#readLines(pipeOf(this.#child, 4), options.onLine);
    const outputs = this.#readOutput(spec);
    this.exited = this.#watchExit(exit, [lines.ended, ...outputs.map(({ ended }) => ended)]).finally(() => {
      for (const { output } of outputs) output.dispose();
    });
    this.#yieldToServer();
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  get lastErrorLines(): readonly string[] {
    return this.#errorLines;
  }

  send(message: ServerMessage): void {
    void this.sendLine(JSON.stringify(message));
  }

  /** Resolves when the pipe takes more, or nobody reads it any more; undefined when it takes more at once. */
  sendLine(line: string): Promise<void> | undefined {
    if (this.#hasExited || this.#input.write(`${line}\n`)) return undefined;
    // Shared by all that wait: many calls at once fill a pipe that code of the project has made slow.
    this.#drained ??= this.#nextDrain();
    return this.#drained;
  }

  #nextDrain(): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#input.off('drain', go).off('close', go);
        this.#drained = undefined;
        resolve();
      };
      this.#input.once('drain', go).once('close', go);
    });
  }

  /** Kills the process and its group. The reason completes the sentence "the Python worker …"; the first one counts. */
  end(reason: string): void {
    this.#endReason ??= reason;
    this.#killGroup();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is gone, or code of the project has left it.
    }
    this.#child.kill('SIGKILL');
  }

  #readLines(pipe: Readable, onLine: (line: Buffer) => void): LineReader {
    const onFailure = (): void =>
      this.end('was ended, because code of the project wrote to the pipe of the server');
    const lines = new LineReader(pipe, { maxLineBytes: MAX_LINE_BYTES, onLine, onFailure });
    void this.#endWithoutPipe(lines);
    return lines;
  }

  /** A process that ends closes its pipe a moment before it is known how it ended. */
  async #endWithoutPipe(lines: LineReader): Promise<void> {
    await lines.ended;
    await within(this.exited, LAST_LINES_MS);
    if (!this.#hasExited)
      this.end('has lost its connection to the server, because code of the project has closed it');
  }

  #readOutput(spec: Pick<PythonSpec, 'output' | 'scrubber'>): readonly ReadOutput[] {
    const { stdout, stderr } = this.#child;
    return (['stdout', 'stderr'] as const).flatMap((stream) => {
      const pipe = stream === 'stdout' ? stdout : stderr;
      if (pipe === null) return [];
      const give = (text: string): void => {
        if (stream === 'stderr') this.#keepErrorLine(text);
        spec.output({ stream, text, processId: this.processId });
      };
      const output = new WorkerOutput(pipe, { give, scrubHead: (text) => spec.scrubber.scrubHead(text) });
      return [{ output, ended: new Promise<void>((resolve) => pipe.once('close', resolve)) }];
    });
  }

  #keepErrorLine(text: string): void {
    this.#errorLines.push(text);
    if (this.#errorLines.length > KEPT_ERROR_LINES) this.#errorLines.shift();
  }

  async #watchExit(exited: Promise<WorkerExit>, allRead: readonly Promise<void>[]): Promise<WorkerExit> {
    const exit = await exited;
    this.#hasExited = true;
    this.#killGroup();
    await within(Promise.all(allRead), LAST_LINES_MS);
    for (const pipe of this.#child.stdio) pipe?.destroy();
    return this.#endReason === undefined || exit.kind === 'not_started'
      ? exit
      : { kind: 'ended', reason: this.#endReason };
  }

  /** As queries do: a probe is answered while Python computes. */
  #yieldToServer(): void {
    if (process.platform !== 'linux' || this.#child.pid === undefined) return;
    try {
      setPriority(this.#child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // Not allowed here, or it has ended already: then it is as fast as the server.
    }
  }
}

interface ReadOutput {
  readonly output: WorkerOutput;
  readonly ended: Promise<void>;
}

/** `exit` and not `close`, which comes only when no process holds the pipes any more. */
function exitOf(child: ChildProcess): Promise<WorkerExit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not_started', error }));
    child.once('exit', (code, signal) => resolve(toExit(code, signal)));
  });
}

function toExit(code: number | null, signal: string | null): WorkerExit {
  return signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal };
}

function pipeOf(child: ChildProcess, descriptor: 3 | 4): Duplex {
  // Without a descriptor left there are no pipes at all, whatever the type says (Node 20).
  const pipes: ChildProcess['stdio'] | undefined = child.stdio;
  const pipe = pipes?.[descriptor];
  if (!(pipe instanceof Duplex))
    throw new Error('no pipe to a Python worker can be opened; are too many files open?');
  // What breaks it is the end of the process, which is heard of by itself.
  pipe.on('error', () => undefined);
  return pipe;
}

/** How a worker process ended. */
export type WorkerExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  /** We ended it; the reason completes the sentence "the Python worker …". */
  | { readonly kind: 'ended'; readonly reason: string }
  | { readonly kind: 'not_started'; readonly error: Error };

/** The codes a worker ends itself with; `mxcp_worker/process.py` has the same. */
export const TOO_OLD = 69;
const OWN_CODES: Readonly<Record<number, string>> = {
  70: 'has lost its connection to the server, because code of the project has closed it',
  71: 'has run out of memory or threads',
  72: 'has failed',
};

/** The end of a worker in words that complete the sentence "the Python worker …". */
export function describeExit(exit: WorkerExit): string {
  switch (exit.kind) {
    case 'exited':
      return OWN_CODES[exit.code] ?? `exited with code ${exit.code}`;
    case 'signalled':
      return exit.signal === 'SIGKILL'
        ? 'was killed (SIGKILL), as the system does when memory runs out'
        : `was ended by ${exit.signal}`;
    case 'ended':
      return exit.reason;
    case 'not_started':
      return `could not be started: ${exit.error.message}`;
  }
}

/** Beside this file, in the sources and in what is compiled; beside the folder of the bundled command otherwise. */
const FOLDERS = ['./worker/', '../python/worker/'];

/** The file that Python runs. */
export function findWorkerScript(): string {
  const candidates = FOLDERS.map((folder) =>
    fileURLToPath(new URL(`${folder}run_worker.py`, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`the Python files of mxcp are missing: ${candidates.join(', ')}`);
  return found;
}

const NEWLINE = 10;

export interface LineReaderOptions {
  readonly maxLineBytes: number;
  /** One line without its end. What it throws ends the reading. */
  readonly onLine: (line: Buffer) => void;
  /** What `onLine` threw, or that a line was too long. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Cuts a stream into lines, and stops reading while the event loop has other things to do: whoever writes then waits.
 * Disposed with the stream.
 */
export class LineReader {
  readonly #stream: Readable;
  readonly #options: LineReaderOptions;
  readonly #budget = new EventLoopBudget();
  /** Chunks that were read and not yet cut. */
  readonly #chunks: Buffer[] = [];
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** The work on the chunks, while there are any. */
  #cutting: Promise<void> | undefined;
  #hasFailed = false;

  /** Resolves when every line of the stream was given. */
  readonly ended: Promise<void>;

  constructor(stream: Readable, options: LineReaderOptions) {
    this.#stream = stream;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      const finish = (): void => resolve(this.#cutting);
      stream.once('end', finish).once('close', finish);
    });
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#cutting ??= this.#cut();
    });
  }

  /** One at a time: lines stay in order while it waits for its turn. */
  async #cut(): Promise<void> {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift())
      await this.#cutChunk(chunk);
    this.#cutting = undefined;
  }

  async #cutChunk(chunk: Buffer): Promise<void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#give(chunk.subarray(start, end));
      start = end + 1;
      if (this.#budget.isSpent) await this.#pause();
    }
    this.#keep(chunk.subarray(start));
  }

  async #pause(): Promise<void> {
    this.#stream.pause();
    await this.#budget.renew();
    this.#stream.resume();
  }

  #give(rest: Buffer): void {
    if (this.#hasFailed) return;
    const line = this.#begun.length === 0 ? rest : Buffer.concat([...this.#begun, rest]);
    this.#begun = [];
    this.#begunBytes = 0;
    try {
      this.#options.onLine(line);
    } catch (error) {
      this.#fail(error);
    }
  }

  #keep(rest: Buffer): void {
    if (this.#hasFailed || rest.length === 0) return;
    this.#begun.push(rest);
    this.#begunBytes += rest.length;
    if (this.#begunBytes > this.#options.maxLineBytes) this.#fail(new Error('a line is too long'));
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#begun = [];
    this.#options.onFailure(error);
  }
}
