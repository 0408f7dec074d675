import type { ReloadFailure, ReloadStage, RunRecord } from '../contract/index.js';
import { type MxcpError, toMxcpError } from '../errors/index.js';
import { type PlannedRun, type ReloadRequest, requestsOf } from './reload-state.js';
import type { ReloadFindings } from './reload-steps.js';

const STAGES: readonly ReloadStage['name'][] = ['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose'];

type RunFacts = Omit<RunRecord, 'id' | 'trigger' | 'requestedAt' | 'sharedWith' | 'dryRun' | 'definitions'>;

/** Everything that happened in one run; makes the record of each request that the run answers. */
export class RunLog {
  readonly run: PlannedRun;
  #facts: RunFacts;

  constructor(run: PlannedRun, fromGeneration: number) {
    this.run = run;
    this.#facts = {
      status: 'queued',
      startedAt: null,
      endedAt: null,
      durationMs: null,
      generation: { from: fromGeneration, to: null },
      stages: STAGES.map((name) => ({ name, status: 'pending', durationMs: null })),
      references: [],
      database: null,
      requestsDraining: 0,
      restartRequired: [],
      definitionsChanged: [],
      error: null,
    };
  }

  start(fromGeneration: number): void {
    this.#update({ status: 'running', startedAt: new Date(), generation: { from: fromGeneration, to: null } });
  }

  report(findings: ReloadFindings): void {
    this.#update(findings);
  }

  /** In a handover, drain comes before swap: calls on the old generation end before the new one is complete. */
  expectHandover(): void {
    const drain = this.#facts.stages.filter(({ name }) => name === 'drain');
    const rest = this.#facts.stages.filter(({ name }) => name !== 'drain');
    this.#update({ stages: rest.flatMap((stage) => (stage.name === 'swap' ? [...drain, stage] : [stage])) });
  }

  /** Whether it waits for running calls. */
  get isDraining(): boolean {
    return this.#facts.stages.some(({ name, status }) => name === 'drain' && status === 'running');
  }

  /** In a handover everything is drained before the swap. */
  get hasDrained(): boolean {
    return this.#facts.stages.some(({ name, status }) => name === 'drain' && status === 'success');
  }

  /** Runs a stage and records its outcome and duration. */
  async stage<R>(name: ReloadStage['name'], work: () => Promise<R>): Promise<R> {
    const startedAt = performance.now();
    const set = (status: ReloadStage['status']): void => {
      const durationMs = status === 'running' ? null : Math.round(performance.now() - startedAt);
      this.#setStage({ name, status, durationMs });
    };
    set('running');
    try {
      const result = await work();
      set('success');
      return result;
    } catch (error) {
      set('error');
      throw error;
    }
  }

  swapped(toGeneration: number, requestsDraining: number): void {
    this.#update({ generation: { ...this.#facts.generation, to: toGeneration }, requestsDraining });
  }

  succeed(): void {
    this.#end('success', null);
  }

  fail(thrown: unknown): void {
    this.#end('error', this.#toFailure(toMxcpError(thrown)));
  }

  /** The record for this request. Drain and dispose may still change after the run has ended. */
  recordFor(request: ReloadRequest): RunRecord {
    return {
      id: request.id,
      trigger: request.trigger,
      dryRun: request.dryRun,
      definitions: request.definitions,
      requestedAt: request.requestedAt,
      sharedWith: requestsOf(this.run)
        .filter((other) => other !== request)
        .map((other) => other.id),
      ...this.#facts,
    };
  }

  #end(status: 'success' | 'error', error: ReloadFailure | null): void {
    const endedAt = new Date();
    const startedAt = this.#facts.startedAt ?? endedAt;
    const stages = this.#facts.stages.map((stage) =>
      stage.status === 'pending' && (status === 'error' || this.run.first.dryRun)
        ? { ...stage, status: 'skipped' as const }
        : stage,
    );
    this.#update({ status, endedAt, durationMs: endedAt.getTime() - startedAt.getTime(), stages, error });
  }

  #toFailure(error: MxcpError): ReloadFailure {
    const position = error.problems[0];
    return {
      code: error.code,
      message: error.message,
      stage: this.#facts.stages.find((stage) => stage.status === 'error')?.name ?? 'load',
      file: position?.file ?? null,
      line: position?.line ?? null,
      column: position?.column ?? null,
    };
  }

  #setStage(next: ReloadStage): void {
    this.#update({ stages: this.#facts.stages.map((stage) => (stage.name === next.name ? next : stage)) });
  }

  #update(change: Partial<RunFacts>): void {
    this.#facts = { ...this.#facts, ...change };
  }
}
