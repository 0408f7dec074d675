import { expect, vi } from 'vitest';
import type { StreamedEvent } from '../../src/admin/client/index.js';
import { codesOf, tableUnder } from '../contract/docs/doc-blocks.js';
import { conditionOf, holds } from './alert-condition.js';
import { ChildServer, type SpawnOptions } from '../kit/child-server.js';
import type { TemporaryProject } from '../kit/projects/temporary-project.js';

const PAGE = 'docs/operations/troubleshooting.md';
export const PATIENCE = { timeout: 60_000, interval: 100 } as const;

/** What the page says of a fault. */
export interface Signs {
  readonly log: string;
  /** Name, labels and perhaps a value, as the text format of Prometheus has them. */
  readonly metric: string | undefined;
  readonly event: string | undefined;
  /** A name in the rules for Prometheus. */
  readonly alert: string | undefined;
}

/** One row of the table of the page, by its first cell. */
export function signsOf(fault: string): Signs {
  const row = tableUnder(PAGE, 'Faults and their signs').find(([name = '']) => name.startsWith(`[${fault}](#`));
  if (row === undefined) throw new Error(`${PAGE} has no fault "${fault}"`);
  const [, log = '', metric = '', event = '', alert = ''] = row;
  return { log: codesOf(log)[0] ?? '', metric: codesOf(metric)[0], event: codesOf(event)[0], alert: codesOf(alert)[0] };
}

/** A real server on which a fault is staged. It is read from the beginning, so that no sign is missed. */
export class StagedServer implements AsyncDisposable {
  readonly server: ChildServer;
  readonly #events: StreamedEvent[] = [];
  readonly #reading = new AbortController();
  readonly #read: Promise<void>;

  private constructor(server: ChildServer) {
    this.server = server;
    this.#read = this.#readEvents();
  }

  static async start(project: TemporaryProject, options: SpawnOptions = {}): Promise<StagedServer> {
    const staged = new StagedServer(await ChildServer.start(project, options));
    await vi.waitFor(() => expect(staged.#events.length).toBeGreaterThan(0), PATIENCE);
    return staged;
  }

  /** Waits until the log, a metric, an event and the condition of an alert name the fault as the page says. */
  async expectSigns(fault: string): Promise<void> {
    const { log, metric, event, alert } = signsOf(fault);
    await vi.waitFor(() => expect(this.server.stderr).toContain(log), PATIENCE);
    if (metric !== undefined) await this.expectMetric(metric);
    if (event !== undefined) await this.expectEvent(event);
    if (alert !== undefined) await this.expectAlert(alert);
  }

  async expectEvent(name: string): Promise<void> {
    await vi.waitFor(() => expect(this.#events.map(({ event }) => event)).toContain(name), PATIENCE);
  }

  /** Waits until the condition of the alert holds. That it then fires after its time is tested with Prometheus' own tools. */
  async expectAlert(name: string): Promise<void> {
    const condition = conditionOf(name);
    await vi.waitFor(async () => {
      const { metrics } = await this.server.admin.metrics();
      const samples = metrics.flatMap((metric) => metric.samples);
      expect(holds(condition, samples), `${name}: ${condition}`).toBe(true);
    }, PATIENCE);
  }

  /** The sample `name{labels} value`; without a value, any but 0. */
  async expectMetric(sample: string): Promise<void> {
    const [, name = '', value] = /^(\S+?)(?: (\S+))?$/.exec(sample) ?? [];
    const matches = (found: number): boolean => (value === undefined ? found > 0 : found === Number(value));
    await vi.waitFor(async () => {
      const found = await this.#samples(name);
      expect(found.some(matches), `${sample}: ${found.join()}`).toBe(true);
    }, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reading.abort();
    await this.#read;
    await this.server[Symbol.asyncDispose]();
  }

  /** The values of all series of a metric; with labels, of the one that has exactly these. */
  async #samples(name: string): Promise<readonly number[]> {
    const [family = ''] = name.split('{');
    const { metrics } = await this.server.admin.metrics();
    const samples = metrics.flatMap((metric) => metric.samples).filter((sample) => sample.name === family);
    const spelled = (labels: Readonly<Record<string, unknown>>): string =>
      `${family}{${Object.entries(labels)
        .map(([key, value]) => `${key}="${String(value)}"`)
        .join(',')}}`;
    const wanted = name.includes('{') ? samples.filter(({ labels }) => spelled(labels) === name) : samples;
    return wanted.map(({ value }) => Number(value));
  }

  async #readEvents(): Promise<void> {
    for await (const event of this.server.admin.events({ signal: this.#reading.signal })) this.#events.push(event);
  }
}
