import { resourceFromAttributes } from '@opentelemetry/resources';
import { type Disposable, within } from '../lifecycle/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { Observers, ServerObserver } from '../telemetry/index.js';
import { type ExportPlan, type ExportSettings, toExportPlan } from './export-plan.js';
import { LogRecorder } from './log-recorder.js';
import { MetricRecorder } from './metric-recorder.js';
import { createExporters, type ExporterOptions } from './otlp-exporter.js';
import { SpanFactory } from './span-factory.js';
import { TraceRecorder } from './trace-recorder.js';

export interface OpenTelemetryOptions {
  readonly settings: ExportSettings;
  /** Where the variables of OpenTelemetry are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly headers: ExporterOptions['headers'];
  readonly isReadonly: () => boolean;
  readonly observers: Observers;
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly version: string;
  /** How long the end of a server may take. */
  readonly shutdownTimeoutMs: number;
}

interface Recorder extends ServerObserver {
  close(): Promise<void>;
}

/** What is kept of the shutdown time for the rest. */
const EXPORT_SHARE = 0.95;
const MIN_EXPORT_MS = 250;
/** A collector that is gone must not hold up every stop. */
const MAX_EXPORT_MS = 2_000;

/**
 * The export to an OpenTelemetry collector, over HTTP. Nothing of it affects calls: what it observes waits in queues of limited length, and a
 * collector that takes nothing costs what is in them. The server disposes it.
 */
export class OpenTelemetry implements Disposable {
  readonly #recorders: readonly Recorder[];
  readonly #remove: readonly (() => void)[];
  readonly #shutdownTimeoutMs: number;
  readonly #logger: Logger;
  #closingSince: number | undefined;

  constructor(options: OpenTelemetryOptions) {
    const { settings, env, observers, scrubber } = options;
    this.#shutdownTimeoutMs = options.shutdownTimeoutMs;
    this.#logger = options.logger.child({ component: 'telemetry' });
    const plan = toExportPlan(settings, env);
    // Before anything can fail with them.
    scrubber.register(secretsOf(plan));
    for (const problem of plan.problems) this.#logger.warn(problem);
    this.#recorders = createRecorders(plan, { ...options, logger: this.#logger });
    const ownObserver: ServerObserver = {
      phaseChanged: (phase) => {
        if (phase === 'closing') this.#closingSince ??= performance.now();
      },
    };
    this.#remove = [ownObserver, ...this.#recorders].map((observer) => observers.add(observer));
  }

  /** Exports what has not been exported, within the rest of the shutdown time. Never rejects. */
  async dispose(): Promise<void> {
    for (const remove of this.#remove) remove();
    const elapsedMs = performance.now() - (this.#closingSince ?? performance.now());
    const leftMs = this.#shutdownTimeoutMs * EXPORT_SHARE - elapsedMs;
    const limitMs = Math.min(MAX_EXPORT_MS, Math.max(MIN_EXPORT_MS, leftMs));
    const closed = Promise.allSettled(this.#recorders.map((recorder) => recorder.close()));
    if ((await within(closed, limitMs)) === undefined)
      this.#logger.warn('the collector did not take the last telemetry in time; it is lost');
  }
}

function createRecorders(plan: ExportPlan, options: OpenTelemetryOptions): readonly Recorder[] {
  const { logger, headers, scrubber, version, isReadonly } = options;
  const resource = resourceFromAttributes({ 'service.version': version, ...plan.resource });
  const scope = { name: 'mxcp', version };
  const exporters = createExporters({ plan, headers, logger });
  const recorders: Recorder[] = [];
  if (exporters.traces !== undefined || plan.tracesToLog) {
    const factory = new SpanFactory(resource, scope);
    const scrub = (text: string): string => scrubber.scrub(text);
    recorders.push(new TraceRecorder({ plan, factory, exporter: exporters.traces, logger, scrub, isReadonly }));
  }
  const parts = { plan, resource, scope };
  if (exporters.metrics !== undefined) recorders.push(new MetricRecorder({ ...parts, exporter: exporters.metrics }));
  if (exporters.logs !== undefined) recorders.push(new LogRecorder({ ...parts, exporter: exporters.logs }));
  return recorders;
}

function secretsOf({ traces, metrics, logs }: ExportPlan): readonly string[] {
  return [traces, metrics, logs].flatMap((plan) => Object.values(plan?.headers ?? {}));
}
