import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { MetricFamily } from '../contract/index.js';
import type { ServerObserver } from '../telemetry/index.js';
import { AuthMetrics } from './auth-metrics.js';
import { BackgroundMetrics } from './background-metrics.js';
import { CallMetrics } from './call-metrics.js';
import { type Exposition, expose, isOpenMetricsWanted, toFamilies } from './exposition.js';
import { ReloadMetrics } from './reload-metrics.js';
import type { ServerState, ServingState } from './server-state.js';
import { type Sample, setAll, StateGauges } from './state-gauges.js';

/**
 * All metrics of one server. What happens is counted as it happens; what is the case is asked of the server at each scrape, so
 * that it is never that of an earlier generation.
 */
export class ServerMetrics {
  readonly #registry: Registry;
  readonly #calls: CallMetrics;
  readonly #gauges: StateGauges;
  readonly #active: Gauge;
  readonly #readState: () => Promise<ServerState>;
  /** Hears what is counted. */
  readonly observers: readonly ServerObserver[];
  #updating: Promise<void> | undefined;
  /** What is being written, by whether it is OpenMetrics. */
  readonly #writing = new Map<boolean, Promise<Exposition>>();
  #generation = 0;

  constructor(readState: () => Promise<ServerState>) {
    const own = new Registry();
    this.#readState = readState;
    this.#gauges = new StateGauges(own);
    this.#calls = new CallMetrics(own);
    this.#active = new Gauge({
      name: 'mxcp_calls_active',
      help: 'Calls that have arrived and not ended, waiting ones included, by kind and name of the endpoint.',
      labelNames: ['kind', 'name'],
      registers: [own],
    });
    this.observers = [this.#calls, new ReloadMetrics(own), new BackgroundMetrics(own), new AuthMetrics(own)];
    this.#registry = Registry.merge([own, processRegistry()]);
  }

  /**
   * `accept` is the header of the request. Scrapes that arrive at the same time share one text: each takes 2 ms of the event loop to
   * write, and a scraper may pipeline a thousand requests in one packet.
   */
  expose(accept: string): Promise<Exposition> {
    const isOpenMetrics = isOpenMetricsWanted(accept);
    const writing = this.#writing.get(isOpenMetrics) ?? this.#write(isOpenMetrics);
    this.#writing.set(isOpenMetrics, writing);
    return writing;
  }

  async families(): Promise<readonly MetricFamily[]> {
    await this.#update();
    return toFamilies(this.#registry);
  }

  async #write(isOpenMetrics: boolean): Promise<Exposition> {
    try {
      await this.#update();
      return await expose(this.#registry, isOpenMetrics);
    } finally {
      this.#writing.delete(isOpenMetrics);
    }
  }

  /** Scrapes that arrive at the same time share one look at the server, which asks the database. */
  #update(): Promise<void> {
    this.#updating ??= this.#readAndSet().finally(() => (this.#updating = undefined));
    return this.#updating;
  }

  async #readAndSet(): Promise<void> {
    const state = await this.#readState();
    this.#gauges.update(state);
    if (state.serving === undefined) return;
    this.#showEndpoints(state.serving);
    setAll(this.#active, this.#countActive(state.serving));
  }

  #showEndpoints({ generation, endpoints }: ServingState): void {
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#calls.showOnly(endpoints);
  }

  #countActive({ activeCalls }: ServingState): readonly Sample[] {
    const counts = new Map<string, { readonly labels: Record<string, string>; count: number }>();
    for (const { kind, name: declared } of activeCalls) {
      const name = this.#calls.nameOf(kind, declared);
      const counted = counts.get(`${kind} ${name}`) ?? { labels: { kind, name }, count: 0 };
      counted.count += 1;
      counts.set(`${kind} ${name}`, counted);
    }
    return [...counts.values()].map(({ labels, count }) => [labels, count]);
  }
}

let ofProcess: Registry | undefined;

/** A look at the event loop every 10 ms, as by default, costs 6 ms of CPU time a second, five times that of this one (Node 20). */
const EVENT_LOOP_SAMPLE_MS = 50;

/**
 * CPU time, memory, descriptors, event loop and garbage collection. All servers of a process share them: what observes the event
 * loop and garbage collection lasts as long as the process.
 */
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
  }
  return ofProcess;
}
