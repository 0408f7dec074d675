import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { reloadRecord, type RunRecord } from '../contract/index.js';
import type { ReloadChange, ServerObserver } from '../telemetry/index.js';

/** A cancelled reload changed nothing because someone wanted that, so it is no reason for an alert. */
type Outcome = 'success' | 'error' | 'cancelled';

const DURATION_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const PAUSE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const TOTAL = {
  name: 'mxcp_reloads_total',
  help: 'Reloads that have ended, by trigger and outcome: success, error or cancelled.',
  labelNames: ['trigger', 'outcome'],
};
const DRY_RUNS = {
  name: 'mxcp_reload_dry_runs_total',
  help: 'Dry runs of a reload that have ended, by outcome.',
  labelNames: ['outcome'],
};
const DURATION = {
  name: 'mxcp_reload_duration_seconds',
  help: 'Duration of reloads until the swap, by outcome.',
  labelNames: ['outcome'],
  buckets: DURATION_BUCKETS,
};
const STAGE_DURATION = {
  name: 'mxcp_reload_stage_duration_seconds',
  help: 'Duration of the stages of reloads. A drain that continues after the end of its reload is not in it.',
  labelNames: ['stage'],
  buckets: DURATION_BUCKETS,
};
const PAUSE = {
  name: 'mxcp_reload_pause_seconds',
  help: 'How long a handover paused new calls.',
  buckets: PAUSE_BUCKETS,
};
const HELD = { name: 'mxcp_reload_held_calls_total', help: 'Calls that waited during the pause of a handover.' };
const IS_LAST_SUCCESSFUL = {
  name: 'mxcp_config_last_reload_successful',
  help: 'Whether the last reload, or the start if there was none, succeeded.',
};
const LAST_SUCCESS = {
  name: 'mxcp_config_last_reload_success_timestamp_seconds',
  help: 'When the current configuration became active, by the last successful reload or the start.',
};

/** Counts and times reloads. Dry runs change nothing and have a counter of their own. */
export class ReloadMetrics implements ServerObserver {
  readonly #total: Counter;
  readonly #dryRuns: Counter;
  readonly #duration: Histogram;
  readonly #stageDuration: Histogram;
  readonly #pause: Histogram;
  readonly #held: Counter;
  readonly #isLastSuccessful: Gauge;
  readonly #lastSuccess: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#total = new Counter({ ...TOTAL, registers });
    this.#dryRuns = new Counter({ ...DRY_RUNS, registers });
    this.#duration = new Histogram({ ...DURATION, registers });
    this.#stageDuration = new Histogram({ ...STAGE_DURATION, registers });
    this.#pause = new Histogram({ ...PAUSE, registers });
    this.#held = new Counter({ ...HELD, registers });
    this.#isLastSuccessful = new Gauge({ ...IS_LAST_SUCCESSFUL, registers });
    this.#lastSuccess = new Gauge({ ...LAST_SUCCESS, registers });
    // Unknown until the first generation serves, which is not the same as 0.
    this.#isLastSuccessful.remove({});
    this.#lastSuccess.remove({});
    // A series that begins with its first increment would hide it from `increase()`.
    for (const trigger of reloadRecord.shape.trigger.options)
      for (const outcome of ['success', 'error']) this.#total.inc({ trigger, outcome }, 0);
    for (const outcome of ['success', 'error']) this.#dryRuns.inc({ outcome }, 0);
  }

  reloadChanged(record: RunRecord, change: ReloadChange): void {
    if (change !== 'ended') return;
    const outcome = outcomeOf(record);
    if (record.dryRun) {
      this.#dryRuns.inc({ outcome });
      return;
    }
    this.#total.inc({ trigger: record.trigger, outcome });
    this.#observeTimes(record, outcome);
    if (outcome === 'cancelled') return;
    this.#isLastSuccessful.set(outcome === 'success' ? 1 : 0);
    if (outcome === 'success') this.#lastSuccess.set((record.endedAt ?? new Date()).getTime() / 1000);
  }

  /** The start counts as the first successful load of the configuration. */
  phaseChanged(phase: string): void {
    if (phase !== 'serving') return;
    this.#isLastSuccessful.set(1);
    this.#lastSuccess.setToCurrentTime();
  }

  #observeTimes({ durationMs, stages, database }: RunRecord, outcome: Outcome): void {
    if (durationMs !== null) this.#duration.observe({ outcome }, durationMs / 1000);
    for (const { name: stage, durationMs: stageMs } of stages)
      if (stageMs !== null) this.#stageDuration.observe({ stage }, stageMs / 1000);
    if (database?.action !== 'handover') return;
    this.#pause.observe(database.pauseMs / 1000);
    this.#held.inc(database.requestsHeld);
  }
}

function outcomeOf({ error }: RunRecord): Outcome {
  if (error === null) return 'success';
  return error.code === 'reload_cancelled' ? 'cancelled' : 'error';
}
