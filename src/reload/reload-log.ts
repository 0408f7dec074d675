import { toMxcpError } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { ReloadRecord } from './reload-record.js';
import type { ReloadRequest } from './reload-state.js';

export function logStart({ trigger, dryRun, id }: ReloadRequest, logger: Logger): void {
  logger.info({ trigger, dry_run: dryRun, id }, 'reload started');
}

/** Whoever finds calls interrupted by a reload that nobody has forced, finds the reason here. */
export function logForced({ trigger, id }: ReloadRequest, logger: Logger): void {
  logger.info({ trigger, id }, 'a forced reload waits for this one, which interrupts calls from now on');
}

/** The record of an unexpected error only says that the log has the details. */
export function logBug({ id }: ReloadRequest, thrown: unknown, logger: Logger): void {
  const { code, detail } = toMxcpError(thrown);
  if (code === 'internal') logger.error({ id, detail }, 'bug in a reload');
}

export function logOutcome(record: ReloadRecord, logger: Logger): void {
  const { id, trigger, durationMs, error, generation, dryRun } = record;
  const references = summariseReferences(record);
  if (error !== null) {
    const facts = { id, trigger, stage: error.stage, code: error.code, references };
    logger.error(facts, `reload failed: ${error.message}`);
    return;
  }
  const facts = { generation: generation.to ?? generation.from, duration_ms: durationMs, references };
  logger.info({ id, trigger, ...facts }, dryRun ? 'dry run succeeded' : 'reload succeeded');
}

/** `vault://… changed (version 3), 4 unchanged`: what is as it was is only counted. Undefined when nothing is known. */
function summariseReferences({ references }: ReloadRecord): string | undefined {
  if (references.length === 0) return undefined;
  const different = references.filter(({ outcome }) => outcome !== 'unchanged');
  const named = different.map(
    ({ ref, outcome, version }) => `${ref} ${outcome}${version === null ? '' : ` (version ${version})`}`,
  );
  const unchanged = references.length - different.length;
  return [...named, ...(unchanged === 0 ? [] : [`${unchanged} unchanged`])].join(', ');
}
