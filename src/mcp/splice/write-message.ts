import { EventLoopBudget } from '../../lifecycle/index.js';
import { gathered } from './json-slices.js';
import type { MessagePart } from './result-splices.js';

/** Takes a chunk and resolves when the next one may come. Rejects when the other side is gone. */
export type WriteChunk = (chunk: string) => Promise<void>;

/** Writes a message part by part, sharing the event loop between the slices of a large result. */
export async function writeMessage(parts: readonly MessagePart[], write: WriteChunk): Promise<void> {
  const budget = new EventLoopBudget();
  for (const chunk of gathered(flattened(parts))) {
    await write(chunk);
    await budget.spend();
  }
}

function* flattened(parts: readonly MessagePart[]): Generator<string> {
  for (const part of parts) {
    if (typeof part === 'string') yield part;
    else yield* part();
  }
}
