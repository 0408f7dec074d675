import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors/index.js';
import { within } from '../lifecycle/index.js';
import type { LineFields, PythonSpec } from './python-spec.js';
import { type OnOutputLine, OutputReader } from './worker-output.js';
import { LineReader } from './worker-pipes.js';
import type { ServerMessage } from './worker-protocol.js';

/** A longer line ends the worker. The worker keeps its own statements below this limit; results are limited by their calls. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** How long the last output of a dead worker is still read. A process that it forked may keep the pipes open for ever. */
const LAST_LINES_MS = 250;

/** How many lines of standard error the report of a failed start includes. */
const KEPT_ERROR_LINES = 6;

/** How a worker process ended. */
export interface WorkerExit {
  /** Completes the sentence "the Python worker …". */
  readonly reason: string;
  /** Why this interpreter can run no worker at all. */
  readonly unusable?: string;
}

type ProcessSpec = Pick<PythonSpec, 'projectRoot' | 'environment' | 'output' | 'scrubber'> & {
  /** What a line that a job has written says about it; undefined when nothing is known. */
  readonly fieldsOf: (job: number) => LineFields | undefined;
};

/** One Python process with its pipes. Once `exited` has resolved, it has ended, and so has its process group. */
export class WorkerProcess {
  readonly exited: Promise<WorkerExit>;
  /** The last lines of standard error. */
  readonly errorLines: string[] = [];
  readonly #child: ChildProcess;
  readonly #input: Duplex;
  #endReason: string | undefined;
  #hasExited = false;
  /** Set while the pipe is full. */
  #drained: Promise<void> | undefined;

  /** Returns at once; an interpreter that cannot be started shows in `exited`. An error of `onLine` ends the process; its text completes the sentence "… because …". */
  constructor(interpreter: string, spec: ProcessSpec, onLine: (line: Buffer) => void) {
    this.#child = spawn(interpreter, [findWorkerScript()], {
      cwd: spec.projectRoot,
      env: { ...spec.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C in a terminal goes to the server only, and ending the group also ends what the code started.
      detached: true,
    });
    const exit = exitOf(this.#child);
    this.#input = pipeOf(this.#child, 3);
    const onFailure = (error: unknown): void => this.end(`was ended, because ${messageOf(error)}`);
    const lines = new LineReader(pipeOf(this.#child, 4), MAX_LINE_BYTES, onLine, onFailure);
    const outputs = [this.#readOutput('stdout', spec), this.#readOutput('stderr', spec)];
    this.exited = this.#watchExit(exit, [lines.ended, ...outputs.map((output) => output?.closed)]).finally(() => {
      for (const output of outputs) output?.dispose();
    });
    void this.#endWithoutPipe(lines.ended);
    this.#lowerPriority();
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  send(message: ServerMessage): void {
    void this.sendLine(JSON.stringify(message));
  }

  /** Resolves when the pipe takes more data or is closed; undefined when it takes more at once. */
  sendLine(line: string): Promise<void> | undefined {
    if (this.#hasExited || this.#input.write(`${line}\n`)) return undefined;
    // One promise for all waiting calls: many calls can fill a pipe that code of the project reads slowly.
    this.#drained ??= new Promise((resolve) => {
      const finish = (): void => {
        this.#input.off('drain', finish).off('close', finish);
        this.#drained = undefined;
        resolve();
      };
      this.#input.once('drain', finish).once('close', finish);
    });
    return this.#drained;
  }

  /** Kills the process and its group. The first reason counts; it completes the sentence "the Python worker …". */
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

  /** A process that ends closes its pipe a moment before its exit is known, so the end of the pipe alone decides nothing. */
  async #endWithoutPipe(pipeEnded: Promise<void>): Promise<void> {
    await pipeEnded;
    await within(this.exited, LAST_LINES_MS);
    if (!this.#hasExited) this.end('lost its connection to the server, because code of the project closed it');
  }

  #readOutput(stream: 'stdout' | 'stderr', spec: ProcessSpec): OutputReader | undefined {
    const pipe = this.#child[stream];
    if (pipe === null) return undefined;
    const onLine: OnOutputLine = (text, job) => {
      if (stream === 'stderr') this.errorLines.push(text);
      if (this.errorLines.length > KEPT_ERROR_LINES) this.errorLines.shift();
      spec.output({
        stream,
        text,
        processId: this.processId,
        fields: job === undefined ? undefined : spec.fieldsOf(job),
      });
    };
    return new OutputReader(pipe, onLine, (text) => spec.scrubber.scrubHead(text));
  }

  async #watchExit(exited: Promise<WorkerExit>, allRead: readonly (Promise<void> | undefined)[]): Promise<WorkerExit> {
    const exit = await exited;
    this.#hasExited = true;
    this.#killGroup();
    await within(Promise.all(allRead), LAST_LINES_MS);
    for (const pipe of this.#child.stdio) pipe?.destroy();
    return { ...exit, reason: this.#endReason ?? exit.reason };
  }

  /** Like queries, Python code runs below the server, which answers probes while Python computes. */
  #lowerPriority(): void {
    if (process.platform !== 'linux' || this.#child.pid === undefined) return;
    try {
      setPriority(this.#child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // Not permitted, or the process has ended already.
    }
  }
}

/** The exit codes that the files of the worker use themselves; `run_worker.py` and `mxcp_worker/process.py` have the same. */
const TOO_OLD = 69;
const OWN_CODES: Readonly<Partial<Record<number, string>>> = {
  70: 'lost its connection to the server, because code of the project closed it',
  71: 'ran out of memory or threads',
  72: 'failed because of an internal error',
};

/** Listens to `exit`, because `close` waits until no forked process holds the pipes any more. */
function exitOf(child: ChildProcess): Promise<WorkerExit> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve({ reason: `could not be started: ${message}`, unusable: message }));
    child.once('exit', (code, signal) => {
      const reason = signal === null ? (OWN_CODES[code ?? 0] ?? `exited with code ${code}`) : explainSignal(signal);
      resolve(code === TOO_OLD ? { reason, unusable: 'it is too old' } : { reason });
    });
  });
}

function explainSignal(signal: NodeJS.Signals): string {
  return signal === 'SIGKILL'
    ? 'was killed (SIGKILL), as the system does when memory runs out'
    : `was ended by ${signal}`;
}

function pipeOf(child: ChildProcess, descriptor: 3 | 4): Duplex {
  // When no file descriptor is left, `stdio` is undefined, whatever its type says (Node 20).
  const pipes: ChildProcess['stdio'] | undefined = child.stdio;
  const pipe = pipes?.[descriptor];
  if (!(pipe instanceof Duplex))
    throw new Error('cannot open a pipe to a Python worker; the limit of open files may be reached');
  // A pipe breaks because the process has ended, which is reported separately.
  pipe.on('error', () => undefined);
  return pipe;
}

/** Beside this file in `src` and `dist`; from the bundled command, beside its folder. */
const FOLDERS = ['./worker/', '../python/worker/'];

/** The file that Python runs. */
function findWorkerScript(): string {
  const candidates = FOLDERS.map((folder) => fileURLToPath(new URL(`${folder}run_worker.py`, import.meta.url)));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`the Python files of mxcp are missing: ${candidates.join(', ')}`);
  return found;
}
