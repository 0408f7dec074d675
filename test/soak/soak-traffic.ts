import type { Client } from '@modelcontextprotocol/client';
import { callText } from '../kit/mcp-client.js';

/** Everything a Python call saw of its generation. */
type Seen = Readonly<Record<'code' | 'hook' | 'secret' | 'environment' | 'database', number>>;

/** What all calls of one run must agree on. */
export interface Rounds {
  /** The round that certainly serves: a call that begins now must not answer from an older one. */
  served: number;
  /** The newest round that may have been swapped in by now. */
  newest: number;
}

/**
 * Calls one after the other, SQL and Python in turn, until it is stopped. Every answer is judged as it comes; whatever
 * is wrong with one ends the run.
 */
export class SoakTraffic {
  readonly #rounds: Rounds;
  #calls = 0;
  #longestMs = 0;
  #isOver = false;

  constructor(rounds: Rounds) {
    this.#rounds = rounds;
  }

  get calls(): number {
    return this.#calls;
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  stop(): void {
    this.#isOver = true;
  }

  async run(client: Client, first: 'sql' | 'python'): Promise<void> {
    for (let turn = first === 'sql' ? 0 : 1; !this.#isOver; turn += 1) {
      const oldest = this.#rounds.served;
      const startedAt = performance.now();
      const round = turn % 2 === 0 ? Number(await callText(client, 'sql_round')) : await pythonRound(client);
      this.#longestMs = Math.max(this.#longestMs, performance.now() - startedAt);
      this.#calls += 1;
      if (round < oldest || round > this.#rounds.newest)
        throw new Error(`answered from round ${round}, while ${oldest} to ${this.#rounds.newest} serve`);
    }
  }
}

async function pythonRound(client: Client): Promise<number> {
  return roundOf(JSON.parse(await callText(client, 'python_round')));
}

/** Throws when what one call saw is not all of one round. */
export function roundOf(seen: Seen): number {
  const rounds = new Set(Object.values(seen));
  if (rounds.size !== 1) throw new Error(`a call saw more than one generation: ${JSON.stringify(seen)}`);
  return seen.code;
}

/** Calls that are running when a reload begins and end when the gate opens. All must answer from one round. */
export async function straddle(
  clients: readonly Client[],
  { gate, sqlGates, count }: { readonly gate: string; readonly sqlGates: number; readonly count: number },
): Promise<readonly number[]> {
  const clientAt = (index: number): Client => {
    const client = clients[index % clients.length];
    if (client === undefined) throw new Error('there are no clients');
    return client;
  };
  const sql = Array.from({ length: sqlGates }, async (_, index) => [
    Number(await callText(clientAt(index), `gate_${index}`)),
  ]);
  const python = Array.from({ length: count - sqlGates }, async (_, index) => {
    const { structuredContent } = await clientAt(index).callTool({ name: 'straddle', arguments: { gate } });
    // The shape that `straddle` in soak-project.ts returns.
    const { result } = structuredContent as { result: readonly Seen[] };
    return result.map(roundOf);
  });
  return (await Promise.all([...sql, ...python])).flat();
}
