import type { ReadinessReport, ReadinessSource } from '../admin/index.js';
import type { Check } from '../contract/index.js';
import { messageOf, MxcpError, plural } from '../errors/index.js';
import { type ActiveGeneration, within } from '../lifecycle/index.js';
import type { Serving } from '../project/index.js';

/** A database that has not answered by then is not ready; probes themselves must answer within a second. */
const DATABASE_ANSWER_MS = 800;

export interface ReadinessParts {
  readonly phase: ServerPhase;
  /** Undefined until the first generation serves. */
  readonly active: () => ActiveGeneration<Serving> | undefined;
  readonly isListening: () => boolean;
}

/** Answers the probes. However many ask, and however often, the database is asked once at a time. */
export class ServerReadiness implements ReadinessSource {
  readonly #parts: ReadinessParts;
  #asking: Promise<Check> | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  async ready(): Promise<ReadinessReport> {
    const { phase } = this.#parts;
    const checks = [
      this.#checkPhase(),
      this.#checkListener(),
      this.#checkGeneration(),
      await this.#checkDatabase(),
      ...this.#checkPython(),
    ];
    return { phase: phase.current, checks };
  }

  startup(): ReadinessReport {
    const { phase } = this.#parts;
    const started: Check =
      phase.current === 'starting'
        ? { name: 'startup', status: 'fail', message: phase.activity }
        : { name: 'startup', status: 'ok', message: 'started' };
    return { phase: phase.current, checks: [started] };
  }

  #checkPhase(): Check {
    const { phase } = this.#parts;
    if (phase.current === 'serving') return { name: 'phase', status: 'ok', message: 'serving' };
    const message = phase.current === 'closing' ? 'shutting down' : phase.activity;
    return { name: 'phase', status: 'fail', message };
  }

  #checkListener(): Check {
    const isListening = this.#parts.isListening();
    return isListening
      ? { name: 'listener', status: 'ok', message: 'open' }
      : { name: 'listener', status: 'fail', message: 'not open' };
  }

  #checkGeneration(): Check {
    const active = this.#parts.active();
    return active === undefined
      ? { name: 'generation', status: 'fail', message: 'none serves yet' }
      : { name: 'generation', status: 'ok', message: `generation ${active.current.number} serves` };
  }

  /** Nothing for a project without Python code. */
  #checkPython(): readonly Check[] {
    const serving = this.#parts.active()?.current.contents;
    const check = serving === undefined ? undefined : checkPython(serving);
    return check === undefined ? [] : [check];
  }

  async #checkDatabase(): Promise<Check> {
    const active = this.#parts.active();
    if (active === undefined) return { name: 'database', status: 'fail', message: 'not open yet' };
    // Until the database has answered, not until we stop waiting: each question that hangs holds a thread.
    this.#asking ??= askDatabase(active).finally(() => {
      this.#asking = undefined;
    });
    return (await within(this.#asking, DATABASE_ANSWER_MS)) ?? NO_ANSWER;
  }
}

const NO_ANSWER: Check = {
  name: 'database',
  status: 'fail',
  message: `no answer within ${DATABASE_ANSWER_MS} ms`,
};

async function askDatabase(active: ActiveGeneration<Serving>): Promise<Check> {
  // A lease: the generation must not be disposed between the question and the answer.
  const lease = active.tryAcquire({ label: 'a readiness check', interrupt: () => {} });
  // Calls are held for a moment, and served after it.
  if (lease === undefined) return { name: 'database', status: 'ok', message: 'is being handed over' };
  return lease.contents.database
    .ping()
    .then((): Check => ({ name: 'database', status: 'ok', message: 'answers' }))
    .catch((error: unknown): Check => ({ name: 'database', status: 'fail', message: messageOf(error) }))
    .finally(() => lease.release());
}

/**
 * Whether Python code can be called; undefined when there is none. One worker is enough: the others are being replaced, and
 * a worker that computes without a pause is busy, not down, so nobody waits for it to answer.
 */
export function checkPython({ python }: Serving): Check | undefined {
  if (python === undefined) return undefined;
  const { workers, restarts } = python.status;
  const { ready } = python;
  const replaced = restarts === 0 ? '' : `, ${restarts} replaced so far`;
  return {
    name: 'python',
    status: ready === 0 ? 'fail' : 'ok',
    message: `${ready} of ${plural(workers, 'worker')} ready${replaced}`,
  };
}

export type Phase = 'starting' | 'serving' | 'closing';

/** Where the server is in its life, and what it does at the moment while it starts. */
export class ServerPhase {
  readonly startedAt = new Date();
  readonly #startedAtMs = performance.now();
  #current: Phase = 'starting';
  #activity = 'starting';

  get current(): Phase {
    return this.#current;
  }

  /** What a start-up probe is told, e.g. `resolving references`. */
  get activity(): string {
    return this.#activity;
  }

  get uptimeSeconds(): number {
    return Math.floor((performance.now() - this.#startedAtMs) / 1000);
  }

  startActivity(activity: string): void {
    this.#activity = activity;
  }

  serve(): void {
    if (this.#current === 'starting') this.#current = 'serving';
  }

  close(): void {
    this.#current = 'closing';
  }

  startingError(): MxcpError {
    return new MxcpError('server_starting', `the server is still starting (${this.#activity}); try again`, {
      retryAfterSeconds: 1,
    });
  }
}
