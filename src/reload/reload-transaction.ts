import type { ReloadStage } from '../contract/index.js';
import { messageOf } from '../errors/index.js';
import { type ActiveGeneration, type Generation, type Hold, raceSignal } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { type HandoverLimits, holdWhenQuiet } from './quiet-hold.js';
import type { Candidate, ReloadContext, ReloadPayload, ReloadSteps } from './reload-record.js';
import type { RunLog } from './run-log.js';

export interface ReloadTransaction<Loaded, Resolved, T> {
  readonly active: ActiveGeneration<T>;
  readonly steps: ReloadSteps<Loaded, Resolved, T>;
  readonly logger: Logger;
  readonly limits: HandoverLimits;
  /** Aborted when the server closes, with `server_closing` as its reason. */
  readonly signal: AbortSignal;
  /** From its abort on, calls that stand in the way are interrupted. */
  readonly forced: AbortSignal;
  /** Resolves when the generations that were replaced before are freed. */
  readonly earlierFreed: () => Promise<void>;
  readonly payload: ReloadPayload | undefined;
}

/**
 * One reload from top to bottom. Until the swap nothing that serves is touched, so whatever throws before it leaves every
 * answer as it was; after the swap nothing throws. Returns the generation that was replaced, retired and still to be
 * drained; nothing after a dry run.
 */
export async function runTransaction<Loaded, Resolved, T>(
  transaction: ReloadTransaction<Loaded, Resolved, T>,
  log: RunLog,
): Promise<Generation<T> | undefined> {
  const { active, steps, logger, signal, payload } = transaction;
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
  // What is read may lie on a disk that hangs; it holds nothing that would have to be freed.
  const loaded = await stage('load', () => raceSignal(steps.load(context), signal));
  const resolved = await stage('resolve', () => steps.resolve(loaded, context));
  const candidate = await stage('build', () => steps.build(resolved, context));
  let previous: Generation<T> | undefined;
  try {
    if (candidate.needsHandover) log.expectHandover();
    await stage('check', () => candidate.check());
    if (!dryRun) previous = await replace(candidate, transaction, log);
  } catch (error) {
    await disposeCandidate(candidate, logger);
    throw error;
  }
  if (previous === undefined) await disposeCandidate(candidate, logger);
  return previous;
}

/** Runs the stages of a log until the server closes, and then no further one. */
function stagesUntil(closing: AbortSignal, log: RunLog) {
  return <R>(name: ReloadStage['name'], work: () => Promise<R>): Promise<R> =>
    log.stage(name, async () => {
      closing.throwIfAborted();
      return work();
    });
}

function replace<Loaded, Resolved, T>(
  candidate: Candidate<T>,
  transaction: ReloadTransaction<Loaded, Resolved, T>,
  log: RunLog,
): Promise<Generation<T>> {
  return candidate.needsHandover ? handOver(candidate, transaction, log) : swap(candidate, transaction, log);
}

/** Calls go on all the time: they end on what they began with. */
async function swap<Loaded, Resolved, T>(
  candidate: Candidate<T>,
  { active, steps, logger, signal }: ReloadTransaction<Loaded, Resolved, T>,
  log: RunLog,
): Promise<Generation<T>> {
  const next = await stagesUntil(signal, log)('swap', () => candidate.commit());
  const previous = active.swap(next);
  log.swapped(next.number, previous.activeLeases);
  announce(() => steps.announce(next, previous), logger);
  return previous;
}

/** Drain comes before swap: old and new need the same thing for themselves, so nothing may run between them. */
async function handOver<Loaded, Resolved, T>(
  candidate: Candidate<T>,
  transaction: ReloadTransaction<Loaded, Resolved, T>,
  log: RunLog,
): Promise<Generation<T>> {
  const holds: Hold<T>[] = [];
  const { active, limits, signal, forced, earlierFreed } = transaction;
  const onHold = (hold: Hold<T>): void => void holds.push(hold);
  try {
    await log.stage('drain', async () => {
      const beforeHold = (): Promise<void> => candidate.shortenHandover();
      await holdWhenQuiet({ active, limits, forced, signal, earlierFreed, beforeHold, onHold });
    });
    return await swap(candidate, transaction, log);
  } finally {
    for (const hold of holds) hold.release();
    log.report({
      database: {
        action: 'handover',
        pauseMs: Math.ceil(holds.reduce((sum, { heldMs }) => sum + heldMs, 0)),
        requestsHeld: holds.reduce((sum, { requestsHeld }) => sum + requestsHeld, 0),
      },
    });
  }
}

/** The new generation serves already: an announcement that throws is a bug that must not leave the old one undisposed. */
function announce(work: () => void, logger: Logger): void {
  try {
    work();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'the new generation could not be announced');
  }
}

/** What comes of the reload is decided before its candidate is thrown away; what the disposal adds goes to the log. */
async function disposeCandidate<T>(candidate: Candidate<T>, logger: Logger): Promise<void> {
  try {
    await candidate.dispose();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'the candidate of a reload could not be freed');
  }
}
