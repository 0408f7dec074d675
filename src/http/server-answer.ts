/** What another server answered to one request. */
export interface ServerAnswer {
  readonly status: number;
  /** Undefined if the body is not JSON: the caller judges such an answer by its status. */
  readonly json: unknown;
}

/**
 * Reads an answer of `fetch`, whose signal also limits how long the body may take. Throws what `readAnswerText` throws; a body that is not
 * JSON is no error.
 */
export async function readAnswer(response: Response, maxBytes: number, tooLong: () => Error): Promise<ServerAnswer> {
  return { status: response.status, json: parseJson(await readAnswerText(response.body, maxBytes, tooLong)) };
}

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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the error of the parser, which quotes the text.
    return undefined;
  }
}
