import type { Writable } from 'node:stream';
import { EventLoopBudget } from '../../lifecycle/index.js';
import { gathered } from './json-slices.js';
import type { MessagePart } from './result-splices.js';
import { writeChunk } from './write-chunk.js';

/**
 * Writes a message part by part, sharing the event loop between the slices of a large result. Throws `OutputClosed`.
 */
export async function writeMessage(parts: readonly MessagePart[], output: Writable): Promise<void> {
  const budget = new EventLoopBudget();
  for (const chunk of gathered(flattened(parts))) {
    await budget.spend();
    await writeChunk(output, chunk);
  }
}

function* flattened(parts: readonly MessagePart[]): Generator<string> {
  for (const part of parts) {
    if (typeof part === 'string') yield part;
    else yield* part();
  }
}
