import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { CallGate } from '../calling/call-gate.js';
import type { RenderAnswer, RenderRequest } from './render-messages.js';
import { Renderer } from './renderer.js';

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
