import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, SdkHttpError } from '@modelcontextprotocol/client';
import { callText, connectTo, type Era, ERAS } from '../kit/mcp-client.js';

const CLIENTS_OF_EACH_ERA = 4;
export const CLIENTS = CLIENTS_OF_EACH_ERA * ERAS.length;
/** Of every ten calls. */
const MIX = ['price', 'price', 'order', 'price', 'price', 'report', 'price', 'order', 'price', 'price'] as const;

export interface LoadResult {
  readonly calls: number;
  /** Messages of calls that failed for the person who asked. */
  readonly failures: readonly string[];
  /** How often a client found its session gone and opened another one, by its era. */
  readonly newSessions: Readonly<Record<Era, number>>;
  readonly orders: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** Answers of `price`, each once, in the order of their first appearance. */
  readonly prices: readonly string[];
}

/** Official clients of both eras that call the fleet until `stop`. */
export class Load {
  readonly #url: string;
  readonly #stopped = new AbortController();
  readonly #durations: number[] = [];
  readonly #failures: string[] = [];
  readonly #newSessions = { today: 0, session: 0 };
  readonly #prices = new Set<string>();
  readonly #clients: Promise<void>;
  #orders = 0;

  constructor(url: string) {
    this.#url = url;
    const eras = ERAS.flatMap((era) => Array.from({ length: CLIENTS_OF_EACH_ERA }, () => era));
    this.#clients = Promise.all(eras.map((era) => this.#run(era))).then(() => undefined);
  }

  /** Of calls so far. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  get calls(): number {
    return this.#durations.length;
  }

  async stop(): Promise<LoadResult> {
    this.#stopped.abort();
    await this.#clients;
    const sorted = this.#durations.toSorted((a, b) => a - b);
    const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
    return {
      calls: sorted.length,
      failures: this.#failures,
      newSessions: this.#newSessions,
      orders: this.#orders,
      medianMs: at(0.5),
      p99Ms: at(0.99),
      slowestMs: at(1),
      prices: [...this.#prices],
    };
  }

  async #run(era: Era): Promise<void> {
    let client = await connectTo(this.#url, { era });
    for (let index = 0; !this.#stopped.signal.aborted; index += 1) {
      const name = MIX[index % MIX.length] ?? 'price';
      const began = performance.now();
      try {
        client = await this.#call(client, era, name);
      } catch (error) {
        this.#failures.push(`${era} ${name}: ${String(error)}`);
        await client.close();
        const again = await this.#reconnect(era);
        if (again === undefined) return;
        client = again;
      }
      this.#durations.push(performance.now() - began);
    }
    await client.close();
  }

  /** After a failure that has been counted, for as long as the load runs. */
  async #reconnect(era: Era): Promise<Client | undefined> {
    while (!this.#stopped.signal.aborted) {
      try {
        return await connectTo(this.#url, { era });
      } catch {
        await delay(100);
      }
    }
    return undefined;
  }

  /** As a host does: a session that is gone is opened again, and the call that found it gone has not begun. */
  async #call(client: Client, era: Era, name: (typeof MIX)[number]): Promise<Client> {
    const parameters = name === 'order' ? { key: randomUUID() } : name === 'price' ? { id: 1 } : {};
    let used = client;
    const text = await callText(client, name, parameters).catch(async (error: unknown) => {
      if (!isSessionGone(error)) throw error;
      this.#newSessions[era] += 1;
      await client.close();
      used = await connectTo(this.#url, { era });
      return callText(used, name, parameters);
    });
    if (name === 'price') this.#prices.add(text);
    if (name === 'order') this.#orders += 1;
    return used;
  }
}

/** What the protocol says of a server that does not know the session. */
export function isSessionGone(error: unknown): boolean {
  return error instanceof SdkHttpError && error.status === 404;
}
