import type { Check, ReloadStage, RunRecord } from '../contract/index.js';
import type { LogLevelState } from '../logging/index.js';
import type { EventJournal } from './event-journal.js';
import type { ObservedCall } from './call-timing.js';
import type { LoggedLine, ReloadChange, ServerObserver } from './observers.js';

/** In one second. Their messages cost time, and no operator reads thousands of them. */
const MAX_FAILED_CALLS = 50;
const MAX_USER_LENGTH = 200;

/** Writes what happens into the journal of events. */
export class EventObserver implements ServerObserver {
  readonly #journal: EventJournal;
  readonly #failedCalls = { secondEnds: 0, inSecond: 0, leftOut: 0 };
  #lastReadiness = '';

  constructor(journal: EventJournal) {
    this.#journal = journal;
  }

  callEnded({ failure, kind: type, endpoint, durationMs, requestId, client, caller }: ObservedCall): void {
    if (failure === undefined) return;
    const counted = this.#failedCalls;
    const now = performance.now();
    if (now >= counted.secondEnds) Object.assign(counted, { secondEnds: now + 1000, inSecond: 0 });
    counted.inSecond += 1;
    if (counted.inSecond > MAX_FAILED_CALLS) {
      counted.leftOut += 1;
      return;
    }
    this.#journal.add('call.error', {
      at: new Date(),
      type,
      name: endpoint ?? null,
      code: failure.code,
      message: failure.message(),
      durationMs: Math.round(durationMs),
      request: requestId === undefined ? null : String(requestId),
      client: client ?? null,
      user: caller.userId?.slice(0, MAX_USER_LENGTH) ?? null,
      leftOut: counted.leftOut,
    });
    counted.leftOut = 0;
  }

  reloadChanged(record: RunRecord, change: ReloadChange, stage?: ReloadStage): void {
    const { id: requestId, trigger, dryRun, definitions, generation, durationMs, error, status } = record;
    const at = new Date();
    if (change === 'queued') {
      const id = record.sharedWith[0] ?? requestId;
      this.#journal.add('reload.queued', { at, id, requestId, trigger, dryRun, definitions });
    } else if (change === 'stage' && stage !== undefined) {
      const { name, status: stageStatus, durationMs: took } = stage;
      this.#journal.add('reload.stage', { at, id: requestId, stage: name, status: stageStatus, durationMs: took });
    } else if (change === 'ended' && (status === 'success' || status === 'error')) {
      const outcome = { trigger, dryRun, status, generation, durationMs, error };
      this.#journal.add('reload.ended', { at, id: requestId, ...outcome });
    }
  }

  phaseChanged(phase: 'starting' | 'serving' | 'closing', activity: string): void {
    this.#journal.add('phase', { at: new Date(), phase, activity });
  }

  drainChanged(since: Date | undefined): void {
    this.#journal.add('rotation', { at: new Date(), draining: since !== undefined, drainingSince: since ?? null });
  }

  /** Only changes become events. A message may change at every look, so it does not count. */
  readinessChecked(ready: boolean, checks: readonly Check[]): void {
    const readiness = JSON.stringify([ready, checks.map(({ name, status }) => [name, status])]);
    if (readiness === this.#lastReadiness) return;
    this.#lastReadiness = readiness;
    this.#journal.add('readiness', { at: new Date(), ready, checks });
  }

  logLevelChanged(state: LogLevelState): void {
    this.#journal.add('loglevel', { at: new Date(), ...state });
  }

  lineLogged({ level, record }: LoggedLine): void {
    if (level !== 'warn' && level !== 'error' && level !== 'fatal') return;
    const { level: _level, time: _time, component, msg, ...fields } = record();
    this.#journal.add('log', {
      at: new Date(),
      level,
      component: typeof component === 'string' ? component : null,
      message: typeof msg === 'string' ? msg : '',
      fields,
    });
  }
}
