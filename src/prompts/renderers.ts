import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MxcpError } from '../errors/index.js';
import { CallGate, type Disposable } from '../lifecycle/index.js';
import type { RenderAnswer, RenderRequest } from './render-template.js';

/** One prompt gets one process at most, and the gate adds two more for long prompts, so a long one delays no other. */
const PARALLEL = 2;
const MAX_QUEUED = 100;

/**
 * The processes that render prompts whose time is not predictable. The first one starts when it is needed. One is kept:
 * it answers in less than a millisecond, a new one after 50. The server or command that takes calls owns and disposes this.
 */
export class Renderers implements Disposable {
  readonly #gate = new CallGate({ maxConcurrentCalls: PARALLEL, maxQueuedCalls: MAX_QUEUED });
  readonly #running = new Set<Renderer>();
  #idle: Renderer | undefined;
  #isDisposed = false;

  /** `prompt` names the prompt. Throws `server_busy`, `server_closing`, and the signal's reason when that aborts. */
  async render(prompt: string, request: RenderRequest, signal: AbortSignal): Promise<RenderAnswer> {
    const release = await this.#gate.acquire(prompt, signal);
    try {
      const renderer = this.#take();
      try {
        return await renderer.render(request, signal);
      } finally {
        await this.#giveBack(renderer);
      }
    } finally {
      release();
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#running].map((renderer) => renderer.dispose()));
  }

  /** Ends all processes without waiting, for a server that exits at once: a process that renders would outlive it. */
  abandon(): void {
    for (const renderer of this.#running) renderer.abandon();
  }

  /** Throws `server_closing`, because the gate may admit a waiting call after `dispose`. */
  #take(): Renderer {
    if (this.#isDisposed) throw new MxcpError('server_closing', 'the server was stopped; the prompt was not rendered');
    const kept = this.#idle;
    this.#idle = undefined;
    if (kept?.hasEnded === false) return kept;
    if (kept !== undefined) this.#running.delete(kept);
    const started = new Renderer();
    this.#running.add(started);
    return started;
  }

  /** A process that is not kept has ended before its turn is free for another. */
  async #giveBack(renderer: Renderer): Promise<void> {
    if (this.#idle === undefined && !renderer.hasEnded) {
      this.#idle = renderer;
      return;
    }
    this.#running.delete(renderer);
    await renderer.dispose();
  }
}

/** In the same folder as this file, both compiled and bundled. */
const ENTRY = fileURLToPath(new URL('./render-process.js', import.meta.url));
const MAX_HEAP_MIB = 256;

/** The signals with which V8 ends a process that is out of memory, depending on its version and the processor. */
const OUT_OF_MEMORY: ReadonlySet<NodeJS.Signals> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL']);

/** A process that renders one prompt at a time. An interrupted render ends it. */
class Renderer implements Disposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #answer: (answer: RenderAnswer) => void = () => undefined;
  #fail: (reason: unknown) => void = () => undefined;
  #hasEnded = false;

  constructor() {
    this.#child = fork(ENTRY, [], {
      // Nothing of the server's environment, which may hold secrets. `execArgv` is left at its default, from which Node removes
      // the program given with `--eval`; that program would otherwise run again in every process.
      env: { NODE_OPTIONS: `--max-old-space-size=${MAX_HEAP_MIB}` },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#answer({ kind: 'ended', reason: explainEnd(code, signal) });
        this.#end(undefined);
        resolve();
      });
      this.#child.on('error', (error) => {
        this.#answer({ kind: 'ended', reason: `its process could not start: ${error.message}` });
        this.#end(undefined);
        // A process that did not start emits no `close`.
        if (this.#child.pid === undefined) resolve();
      });
    });
    // The only sender is the process started above, which has the same version.
    this.#child.on('message', (answer) => this.#answer(answer as RenderAnswer));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Throws the signal's reason when it aborts, and `server_closing` on `dispose`; both end the process. */
  async render(request: RenderRequest, signal: AbortSignal): Promise<RenderAnswer> {
    signal.throwIfAborted();
    const answered = new Promise<RenderAnswer>((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
    const interrupt = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', interrupt, { once: true });
    // Without free descriptors there is no channel. If the process or the send fails, the end of the process answers.
    if (this.#child.connected) this.#child.send(request, () => undefined);
    try {
      return await answered;
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  }

  dispose(): Promise<void> {
    this.#end(new MxcpError('server_closing', 'the server was stopped while a prompt was rendered'));
    return this.#closed;
  }

  /** As `dispose`, without waiting. */
  abandon(): void {
    this.#child.kill('SIGKILL');
  }

  #end(reason: unknown): void {
    this.#hasEnded = true;
    this.#child.kill('SIGKILL');
    this.#fail(reason);
  }
}

function explainEnd(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null && OUT_OF_MEMORY.has(signal))
    return `its process ended (${signal}), probably because it needed more than ${MAX_HEAP_MIB} MiB of memory; let it loop over less`;
  return `its process ended unexpectedly (${signal ?? `exit code ${code}`}); call it again`;
}
