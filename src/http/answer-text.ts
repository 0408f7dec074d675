/** The bytes of an answer as they arrive: `response.body` of `fetch`, or a response of node:http. */
type AnswerBody = AsyncIterable<Uint8Array> | null;

/**
 * Reads the answer of another server as text. Throws what `tooLong` makes as soon as it has more than `maxBytes`, and reads no further;
 * throws what the connection throws when it breaks.
 */
export async function readAnswerText(body: AnswerBody, maxBytes: number, tooLong: () => Error): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the body.
    if (size > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
