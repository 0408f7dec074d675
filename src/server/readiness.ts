import { isReady, type ReadinessReport, type ReadinessSource } from '../admin/index.js';
import type { Check } from '../contract/index.js';
import { messageOf, plural } from '../errors/index.js';
import { type ActiveGeneration, within } from '../lifecycle/index.js';
import type { GenerationContents } from '../project/index.js';
import type { ServerContext } from './server-context.js';

/** The database must answer within this time to count as ready: a probe itself must be answered within a second. */
export const DATABASE_ANSWER_MS = 800;

/** Answers the probes. However many arrive at once, the database gets one question at a time. */
export class ServerReadiness implements ReadinessSource {
  readonly #context: Pick<ServerContext, 'phase' | 'observers'>;
  readonly #active: () => ActiveGeneration<GenerationContents> | undefined;
  readonly #audit: () => Check | undefined;
  #asking: Promise<Check> | undefined;

  /** `active` is undefined until the first generation serves, `audit` where calls do not depend on the audit log. */
  constructor(
    context: Pick<ServerContext, 'phase' | 'observers'>,
    active: () => ActiveGeneration<GenerationContents> | undefined,
    audit: () => Check | undefined = () => undefined,
  ) {
    this.#context = context;
    this.#active = active;
    this.#audit = audit;
  }

  async ready(): Promise<ReadinessReport> {
    const { phase: serverPhase, observers } = this.#context;
    const { current: phase, activity, drainingSince } = serverPhase;
    const active = this.#active();
    const number = active?.current.number;
    const audit = this.#audit();
    const checks = [
      phase === 'serving' ? ok('phase', 'serving') : failed('phase', phase === 'closing' ? 'shutting down' : activity),
      active === undefined ? failed('listener', 'not open') : ok('listener', 'open'),
      active === undefined
        ? failed('generation', 'no generation is serving yet')
        : ok('generation', `generation ${number} serves`),
      active === undefined ? failed('database', 'not open yet') : await this.#checkDatabase(active),
      ...(active === undefined ? [] : checkPython(active.current.contents)),
      ...(audit === undefined ? [] : [audit]),
      ...(drainingSince === undefined ? [] : [failed('rotation', outOfRotation(drainingSince))]),
    ];
    const report = { phase, checks };
    observers.readinessChecked(isReady(report), checks);
    return report;
  }

  startup(): ReadinessReport {
    const { current: phase, activity } = this.#context.phase;
    return { phase, checks: [phase === 'starting' ? failed('startup', activity) : ok('startup', 'started')] };
  }

  async #checkDatabase(active: ActiveGeneration<GenerationContents>): Promise<Check> {
    // Kept until the database answers, not until this probe gives up: each question that hangs holds a thread.
    this.#asking ??= askDatabase(active).finally(() => {
      this.#asking = undefined;
    });
    const answer = await within(this.#asking, DATABASE_ANSWER_MS);
    return answer ?? failed('database', `no answer within ${DATABASE_ANSWER_MS} ms`);
  }
}

/** Under a lease, so that the generation is not disposed before the answer. */
async function askDatabase(active: ActiveGeneration<GenerationContents>): Promise<Check> {
  const lease = active.tryAcquire({ label: 'a readiness check', interrupt: () => {} });
  // Calls are paused for a moment and served afterwards.
  if (lease === undefined) return ok('database', 'is being handed over');
  try {
    await lease.contents.database.ping();
    return ok('database', 'answers');
  } catch (error) {
    return failed('database', messageOf(error));
  } finally {
    lease.release();
  }
}

/**
 * Empty without Python code. One ready worker is enough: the others are being replaced. A worker that computes without a pause
 * is busy, not down, so the check does not wait for an answer.
 */
function checkPython({ python }: GenerationContents): readonly Check[] {
  if (python === undefined) return [];
  const { ready, status } = python;
  const replaced = status.restarts === 0 ? '' : `, ${status.restarts} replaced so far`;
  const message = `${ready} of ${plural(status.workers, 'worker')} ready${replaced}`;
  return [ready === 0 ? failed('python', message) : ok('python', message)];
}

function outOfRotation(since: Date): string {
  return `out of rotation since ${since.toISOString()}; \`mxcp admin resume\` brings it back`;
}

function ok(name: string, message: string): Check {
  return { name, status: 'ok', message };
}

function failed(name: string, message: string): Check {
  return { name, status: 'fail', message };
}
