import { ActiveGeneration, Generation } from '../../../src/lifecycle/index.js';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { ReloadCoordinator, type Candidate, type ReloadContext, type ReloadSteps } from '../../../src/reload/index.js';
import type { ServerObserver } from '../../../src/telemetry/index.js';

export type StepName = 'load' | 'resolve' | 'build' | 'check' | 'prepare' | 'commit' | 'announce' | 'dispose';

/**
 * Steps that reload one text held in memory. `source` is what is "on disk"; `before` runs at the start of a step, may
 * wait, and what it throws is what the step throws.
 */
export class InMemorySteps implements ReloadSteps<string, string, string> {
  source = 'version 1';
  needsHandover = false;
  before: (step: StepName, generation: number) => Promise<void> | void = () => undefined;
  readonly taken: { readonly step: StepName; readonly context?: ReloadContext; readonly source?: string }[] = [];
  readonly disposed: number[] = [];

  async load(context: ReloadContext): Promise<string> {
    const { source } = this;
    this.taken.push({ step: 'load', context, source });
    await this.before('load', context.nextNumber);
    return source;
  }

  async resolve(loaded: string, context: ReloadContext): Promise<string> {
    await this.#enter('resolve', context.nextNumber);
    context.report({ definitionsChanged: [`now ${loaded}`] });
    return loaded;
  }

  async build(resolved: string, { nextNumber }: ReloadContext): Promise<Candidate<string>> {
    await this.#enter('build', nextNumber);
    const generation = this.create(nextNumber, resolved);
    return {
      needsHandover: this.needsHandover,
      check: () => this.#enter('check', nextNumber),
      prepareHandover: () => this.#enter('prepare', nextNumber),
      commit: async () => {
        await this.#enter('commit', nextNumber);
        return generation;
      },
      dispose: () => generation.dispose(),
    };
  }

  announce(candidate: Generation<string>): void {
    this.taken.push({ step: 'announce' });
    void this.before('announce', candidate.number);
  }

  create(number: number, contents: string): Generation<string> {
    return new Generation(number, contents, async () => {
      await this.#enter('dispose', number);
      this.disposed.push(number);
    });
  }

  stepNames(): readonly StepName[] {
    return this.taken.map(({ step }) => step);
  }

  async #enter(step: StepName, generation: number): Promise<void> {
    this.taken.push({ step });
    await this.before(step, generation);
  }
}

export function createCoordinator({ pauseTimeoutMs = 1_000, drainTimeoutMs = 30_000 } = {}) {
  const steps = new InMemorySteps();
  const lines: string[] = [];
  const logger = createLogger({
    level: 'debug',
    format: 'text',
    scrubber: new Scrubber(),
    sinks: [(line) => lines.push(line)],
  });
  const active = new ActiveGeneration(steps.create(1, steps.source));
  const limits = { pauseTimeoutMs, drainTimeoutMs };
  const changes: string[] = [];
  const observer: ServerObserver = {
    reloadChanged: ({ status, stages }, change) => {
      const at = stages.findLast((stage) => stage.status !== 'pending' && stage.status !== 'skipped');
      changes.push(change === 'stage' ? `${at?.name} ${at?.status}` : `${change} ${status}`);
    },
  };
  const coordinator = new ReloadCoordinator({ active, steps, limits, logger, observer });
  return { steps, active, lines, changes, coordinator };
}

/** A gate that a step waits at; `arrived` resolves when one has arrived. */
export function createGate() {
  let open = (): void => undefined;
  let arrive = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  return {
    arrived,
    open,
    pass: (): Promise<void> => {
      arrive();
      return opened;
    },
  };
}

/** The holder of a lease. */
export function createHolder(label = 'tool "price"', interrupt: () => void = () => undefined) {
  return { label, interrupt };
}
