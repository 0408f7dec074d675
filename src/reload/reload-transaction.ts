import type { ReloadStage } from '../contract/index.js';
import { messageOf } from '../errors/index.js';
import { type Generation, type Pause, raceSignal, within } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { pauseWhenQuiet } from './quiet-pause.js';
import type { Candidate, ReloadContext, TransactionInput } from './reload-steps.js';
import type { RunLog } from './reload-runs.js';

/**
 * One reload from top to bottom. Before the swap, an error leaves every answer as it was; in a handover, the old database is opened
 * again, and if that fails too, it stays closed. After the swap nothing throws. Returns the generation that was replaced, retired but not drained; undefined after a dry run.
 */
export async function runTransaction<T>(input: TransactionInput<T>, log: RunLog): Promise<Generation<T> | undefined> {
  const { active, steps, logger, signal, payload } = input;
  const { dryRun, definitions } = log.run.first;
  const context: ReloadContext = {
    dryRun,
    definitions,
    payload,
    nextNumber: active.current.number + 1,
    signal,
    report: (findings) => log.report(findings),
  };
  const stage = stagesUntil(signal, log);
  // The files may be on a disk that hangs. The step holds nothing that would have to be freed.
  const loaded = await stage('load', () => raceSignal(steps.load(context), signal));
  const resolved = await stage('resolve', () => steps.resolve(loaded, context));
  const candidate = await stage('build', () => steps.build(resolved, context));
  let previous: Generation<T> | undefined;
  try {
    if (candidate.needsHandover) log.expectHandover();
    await stage('check', () => candidate.check());
    if (!dryRun)
      previous = candidate.needsHandover ? await handOver(candidate, input, log) : await swap(candidate, input, log);
  } finally {
    if (previous === undefined) await disposeCandidate(candidate, logger);
  }
  return previous;
}

/** Runs stages until the server closes, and none after that. */
function stagesUntil(closing: AbortSignal, log: RunLog) {
  return <R>(name: ReloadStage['name'], work: () => Promise<R>): Promise<R> =>
    log.stage(name, async () => {
      closing.throwIfAborted();
      return work();
    });
}

/** Calls continue all the time: they end on the generation they began with. */
async function swap<T>(
  candidate: Candidate<T>,
  { active, steps, logger, signal }: TransactionInput<T>,
  log: RunLog,
): Promise<Generation<T>> {
  const next = await stagesUntil(signal, log)('swap', () => candidate.commit());
  const previous = active.swap(next);
  log.swapped(next.number, previous.activeLeases);
  try {
    steps.announce(next, previous);
  } catch (error) {
    // A bug, but the new generation serves already, and the old one must still be disposed.
    logger.error({ reason: messageOf(error) }, 'the new generation could not be announced');
  }
  return previous;
}

/** Drain comes before swap: the old database must be closed before the one at its path is opened, so no call may run in between. */
async function handOver<T>(candidate: Candidate<T>, input: TransactionInput<T>, log: RunLog): Promise<Generation<T>> {
  const pauses: Pause<T>[] = [];
  const beforePause = (): Promise<void> => candidate.prepareHandover();
  const onPause = (pause: Pause<T>): void => void pauses.push(pause);
  try {
    await log.stage('drain', () => pauseWhenQuiet({ ...input, beforePause, onPause }));
    return await swap(candidate, input, log);
  } finally {
    for (const pause of pauses) pause.release();
    log.report({
      database: {
        action: 'handover',
        pauseMs: Math.ceil(pauses.reduce((sum, { durationMs }) => sum + durationMs, 0)),
        requestsHeld: pauses.reduce((sum, { requestsHeld }) => sum + requestsHeld, 0),
      },
    });
  }
}

/** The outcome of the reload is already decided, so an error of the disposal only goes to the log. */
async function disposeCandidate<T>(candidate: Candidate<T>, logger: Logger): Promise<void> {
  try {
    await candidate.dispose();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'the candidate of a reload could not be freed');
  }
}

/** Generations that were replaced, until the last call on them has ended and they are disposed: the stages after the swap. */
export class RetiredGenerations<T> {
  /** How long a forced reload waits for calls that it has interrupted. */
  readonly #forceWaitMs: number;
  readonly #logger: Logger;
  readonly #retiring = new Set<Promise<void>>();

  constructor(forceWaitMs: number, logger: Logger) {
    this.#forceWaitMs = forceWaitMs;
    this.#logger = logger;
  }

  get count(): number {
    return this.#retiring.size;
  }

  /** Resolves when those that are here now are freed. Never rejects. */
  async freed(): Promise<void> {
    await Promise.all(this.#retiring);
  }

  /**
   * Drains and disposes a replaced generation: in the background while calls still run on it, so that a slow call delays neither the
   * next reload nor the caller that waits for this one. With `force` its calls are interrupted, and it waits for their end.
   */
  async retire(previous: Generation<T>, log: RunLog, { force }: { readonly force: boolean }): Promise<void> {
    const isIdle = previous.activeLeases === 0;
    if (force) for (const lease of previous.leases) lease.interrupt();
    const retired = this.#drainAndDispose(previous, log).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    if (isIdle) await retired;
    else if (force) await within(retired, this.#forceWaitMs);
  }

  async #drainAndDispose(previous: Generation<T>, log: RunLog): Promise<void> {
    try {
      if (!log.hasDrained) await log.stage('drain', () => previous.leasesEnded());
      await log.stage('dispose', () => previous.dispose());
    } catch (error) {
      // The new generation serves: this is reported, but it is not a failure of the reload.
      const facts = { generation: previous.number, reason: messageOf(error) };
      this.#logger.error(facts, 'the old generation could not be freed');
    }
  }
}
