import { messageOf } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { ReloadContext, ReloadSteps } from './reload-steps.js';
import type { RunLog } from './run-log.js';

export interface ReloadTransaction<Loaded, Resolved, T> {
  readonly active: ActiveGeneration<T>;
  readonly steps: ReloadSteps<Loaded, Resolved, T>;
  readonly logger: Logger;
}

/**
 * One reload from top to bottom. Until the swap nothing that serves is touched, so whatever throws before it leaves every
 * answer as it was; after the swap nothing throws. Returns the generation that was replaced, retired and still to be
 * drained; nothing after a dry run.
 */
export async function runTransaction<Loaded, Resolved, T>(
  { active, steps, logger }: ReloadTransaction<Loaded, Resolved, T>,
  log: RunLog,
): Promise<Generation<T> | undefined> {
  const { dryRun, definitions } = log.run.first;
  const context: ReloadContext = {
    dryRun,
    definitions,
    nextNumber: active.current.number + 1,
    report: (findings) => log.report(findings),
  };
  const loaded = await log.stage('load', () => steps.load(context));
  const resolved = await log.stage('resolve', () => steps.resolve(loaded, context));
  const candidate = await log.stage('build', () => steps.build(resolved, context));
  try {
    await log.stage('check', () => steps.check(candidate, context));
    if (!dryRun) await log.stage('swap', () => steps.commit(candidate));
  } catch (error) {
    await disposeCandidate(candidate, logger);
    throw error;
  }
  if (dryRun) {
    await disposeCandidate(candidate, logger);
    return undefined;
  }
  const previous = active.swap(candidate);
  log.swapped(candidate.number, previous.activeLeases);
  announce(() => steps.announce(candidate, previous), logger);
  return previous;
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
async function disposeCandidate<T>(candidate: Generation<T>, logger: Logger): Promise<void> {
  try {
    await candidate.dispose();
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'the candidate of a reload could not be freed');
  }
}
