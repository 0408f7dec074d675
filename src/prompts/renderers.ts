import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MxcpError } from '../errors/index.js';
import { CallGate, type Disposable } from '../lifecycle/index.js';
import type { RenderAnswer, RenderRequest } from './render-messages.js';

/** Of which no prompt gets more than one, and long ones have as many more: one that takes long holds up no other. */
const PARALLEL = 2;
const MAX_QUEUED = 100;

/**
 * The processes that render prompts whose time nobody can tell before. None is started before one is needed; one is then
 * kept, which renders in less than a millisecond what a new one needs 50 for. Owned by whoever takes calls.
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
      return await this.#renderNow(request, signal);
    } finally {
      release();
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#running].map((renderer) => renderer.dispose()));
  }

  /** Ends all processes at once, for a server that ends without waiting: one that renders would go on without it. */
  abandon(): void {
    for (const renderer of this.#running) renderer.abandon();
  }

  async #renderNow(request: RenderRequest, signal: AbortSignal): Promise<RenderAnswer> {
    const renderer = this.#take();
    try {
      return await renderer.render(request, signal);
    } finally {
      await this.#giveBack(renderer);
    }
  }

  /** Throws `server_closing`: who waited for a turn may get it after the end. */
  #take(): Renderer {
    if (this.#isDisposed)
      throw new MxcpError('server_closing', 'the server was stopped; nothing is rendered');
    const kept = this.#idle;
    this.#idle = undefined;
    if (kept?.hasEnded === false) return kept;
    if (kept !== undefined) this.#running.delete(kept);
    const started = new Renderer();
    this.#running.add(started);
    return started;
  }

  /** What is not kept has ended before its place is free. */
  async #giveBack(renderer: Renderer): Promise<void> {
    if (this.#idle === undefined && !renderer.hasEnded) {
      this.#idle = renderer;
      return;
    }
    this.#running.delete(renderer);
    await renderer.dispose();
  }
}

/** Beside this file, whether it is compiled or bundled. */
const ENTRY = fileURLToPath(new URL('./render-process.js', import.meta.url));
const MAX_HEAP_MIB = 256;

/** How V8 ends a process that has no memory left; which one depends on its version and the processor. */
const OUT_OF_MEMORY: ReadonlySet<NodeJS.Signals> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL']);

interface Pending {
  readonly resolve: (answer: RenderAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** A process that renders one prompt at a time. Whoever starts it disposes it; one that was interrupted has ended. */
export class Renderer implements Disposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #pending: Pending | undefined;
  #hasEnded = false;

  constructor() {
    this.#child = fork(ENTRY, [], {
      // Of the server's own, templates need nothing, and secrets may be in it. `execArgv` is left to Node, which takes a
      // program given with `--eval` out of it: it would run again in every process.
      env: { NODE_OPTIONS: `--max-old-space-size=${MAX_HEAP_MIB}` },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#pending?.resolve({ kind: 'ended', reason: explainEnd(code, signal) });
        this.#end(undefined);
        resolve();
      });
      this.#child.on('error', (error) => {
        this.#pending?.resolve({ kind: 'ended', reason: `no process could render it: ${error.message}` });
        this.#end(undefined);
        // One that was never started does not close.
        if (this.#child.pid === undefined) resolve();
      });
    });
    // Sent by the process that was started here, of the same version.
    this.#child.on('message', (answer) => this.#pending?.resolve(answer as RenderAnswer));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Throws the signal's reason when that aborts, and `server_closing` when this is disposed: the process is then ended. */
  async render(request: RenderRequest, signal: AbortSignal): Promise<RenderAnswer> {
    signal.throwIfAborted();
    const answered = new Promise<RenderAnswer>((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    const interrupt = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', interrupt, { once: true });
    // Without free descriptors there is neither a process nor a channel. What is sent in vain fails with the process. Either
    // way the end is told.
    if (this.#child.connected) this.#child.send(request, () => undefined);
    try {
      return await answered;
    } finally {
      signal.removeEventListener('abort', interrupt);
      this.#pending = undefined;
    }
  }

  dispose(): Promise<void> {
    this.#end(new MxcpError('server_closing', 'the server was stopped while a prompt was rendered'));
    return this.#closed;
  }

  /** As `dispose`, for a server that ends without waiting. */
  abandon(): void {
    this.#child.kill('SIGKILL');
  }

  #end(reason: unknown): void {
    this.#hasEnded = true;
    this.#child.kill('SIGKILL');
    this.#pending?.reject(reason);
  }
}

function explainEnd(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null && OUT_OF_MEMORY.has(signal))
    return `its process ended (${signal}), as one does that needs more than ${MAX_HEAP_MIB} MiB of memory; let it loop over less`;
  return `its process ended unexpectedly (${signal ?? `exit code ${code}`}); call it again`;
}
