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
  await drained(output);
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => end(resolve);
    const onClose = () => end(() => reject(new OutputClosed()));
    const onError = (cause: Error) => end(() => reject(new OutputClosed(undefined, { cause })));
    const end = (settle: () => void) => {
      output.off('drain', onDrain).off('close', onClose).off('error', onError);
      settle();
    };
    output.on('drain', onDrain).on('close', onClose).on('error', onError);
  });
}
