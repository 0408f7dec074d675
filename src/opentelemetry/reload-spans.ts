import type { Attributes } from '@opentelemetry/api';
import type { RunRecord } from '../contract/index.js';
import { newSpanId, type ReloadChange, type TraceContext } from '../telemetry/index.js';
import type { EndedSpan } from './span-factory.js';

type StageName = RunRecord['stages'][number]['name'];

/** Reloads whose last stages may still run. */
const MAX_OPEN = 20;

interface OpenReload {
  readonly trace: TraceContext;
  /** Of the stages that run. */
  readonly startedMs: Map<StageName, number>;
}

/** Follows reloads and gives a span for each of their stages, and one for each reload. Stages after the swap may end after the reload. */
export class ReloadSpans {
  readonly #begin: () => TraceContext;
  readonly #open = new Map<string, OpenReload>();

  /** `begin` starts a trace. */
  constructor(begin: () => TraceContext) {
    this.#begin = begin;
  }

  /** Returns the spans that have ended with this change. */
  follow(record: RunRecord, change: ReloadChange): readonly EndedSpan[] {
    if (change === 'queued') return [];
    const open = this.#open.get(record.id) ?? this.#openReload(record.id);
    const spans = record.stages.flatMap((stage) => this.#followStage(stage, record, open));
    if (change === 'ended') spans.unshift(toReloadSpan(record, open.trace));
    const isOver = record.endedAt !== null && open.startedMs.size === 0;
    if (isOver) this.#open.delete(record.id);
    return spans;
  }

  #openReload(id: string): OpenReload {
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= MAX_OPEN) this.#open.delete(oldest);
    const opened = { trace: this.#begin(), startedMs: new Map<StageName, number>() };
    this.#open.set(id, opened);
    return opened;
  }

  #followStage(
    { name, status }: RunRecord['stages'][number],
    { error }: RunRecord,
    { trace, startedMs }: OpenReload,
  ): readonly EndedSpan[] {
    if (status === 'running') {
      if (!startedMs.has(name)) startedMs.set(name, Date.now());
      return [];
    }
    const startMs = startedMs.get(name);
    if (startMs === undefined || status === 'pending') return [];
    startedMs.delete(name);
    return [
      {
        name: `mxcp.reload.${name}`,
        context: { ...trace, spanId: newSpanId() },
        parentSpanId: trace.spanId,
        startMs,
        endMs: Date.now(),
        attributes: {},
        failure: status === 'error' ? { code: error?.code ?? 'reload_failed' } : undefined,
      },
    ];
  }
}

function toReloadSpan(record: RunRecord, trace: TraceContext): EndedSpan {
  const { startedAt, endedAt, requestedAt, error } = record;
  return {
    name: 'mxcp.reload',
    context: trace,
    parentSpanId: undefined,
    startMs: (startedAt ?? requestedAt).getTime(),
    endMs: (endedAt ?? new Date()).getTime(),
    attributes: reloadAttributes(record),
    failure: error === null ? undefined : { code: error.code, message: `failed in stage ${error.stage}` },
  };
}

function reloadAttributes({
  id,
  trigger,
  dryRun,
  definitions,
  generation,
  database,
  references,
}: RunRecord): Attributes {
  return {
    'mxcp.reload.id': id,
    'mxcp.reload.trigger': trigger,
    'mxcp.reload.dry_run': dryRun,
    'mxcp.reload.definitions': definitions,
    'mxcp.generation.from': generation.from,
    ...(generation.to !== null && { 'mxcp.generation.to': generation.to }),
    ...(database !== null && { 'mxcp.database.action': database.action, 'mxcp.reload.pause_ms': database.pauseMs }),
    'mxcp.references.changed': references.filter(({ outcome }) => outcome !== 'unchanged').length,
  };
}
