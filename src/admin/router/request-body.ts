import type { IncomingMessage } from 'node:http';
import { MxcpError } from '../../errors/index.js';

/**
 * Reads the whole body. What is over the limit is read on and thrown away, so that a caller that is still sending gets
 * to see the answer. Throws `body_too_large`, and `bad_request` when the caller goes away in the middle.
 */
export async function readRequestBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(request, limitBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving a plain `for await` would destroy the connection. Without an encoding chunks are Buffers; the type says any.
    const received: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of received) {
      size += chunk.length;
      if (size > limitBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body of the request did not arrive whole', { cause });
  }
  if (size > limitBytes) throw tooLarge(request, limitBytes);
  return Buffer.concat(chunks);
}

function tooLarge(request: IncomingMessage, limitBytes: number): MxcpError {
  request.resume();
  return new MxcpError('body_too_large', `the body is larger than ${limitBytes / 1024} KiB`);
}
