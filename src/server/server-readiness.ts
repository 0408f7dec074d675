import type { Check, ReadinessReport, ReadinessSource } from '../admin/index.js';
import { messageOf } from '../errors/index.js';
import { within, type ActiveGeneration } from '../lifecycle/index.js';
import { checkPython } from './python-check.js';
import type { ServerPhase } from './server-phase.js';
import type { Serving } from './project/index.js';

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
