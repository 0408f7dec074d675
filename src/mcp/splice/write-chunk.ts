import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** The other side closed before it had everything. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Writes one chunk and waits while the other side is slower than we are, so that a large result is never held a second
 * time in the stream's buffer. Throws `OutputClosed`.
 */
export async function writeChunk(output: Writable, chunk: string): Promise<void> {
  if (output.destroyed) throw new OutputClosed();
  if (output.write(chunk)) return;
  const closed = new AbortController();
  const onClose = () => closed.abort();
  output.once('close', onClose);
  try {
    await once(output, 'drain', { signal: closed.signal });
  } catch (error) {
    throw new OutputClosed(undefined, { cause: error });
  } finally {
    output.off('close', onClose);
  }
}
