import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { request, startListener } from './http-fixture.js';
import { SampleCalls } from './sample-calls.js';

const COMMENT = ': nothing to send yet\n\n';
const EVENT = 'event: message\ndata: ';

/** One call as a client sends it that takes these types; its answer as text, part by part. */
async function openCall(url: string, accept: string, tool: string, parameters: object = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(request('tools/call', { name: tool, arguments: parameters })),
  });
  if (response.body === null) throw new Error('the answer has no body');
  return { response, parts: response.body.pipeThrough(new TextDecoderStream()) };
}

async function readAll(parts: ReadableStream<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}

describe('a call without a word', () => {
  test('sends comments, and its answer as an event', async () => {
    const { url, calls } = await startListener({ keepAliveMs: 10 });
    const { response, parts } = await openCall(url, 'application/json, text/event-stream', 'wait');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const part of parts) {
      text += part;
      if (text.length >= 3 * COMMENT.length) calls.release();
    }
    const [comments = '', message = ''] = text.split(EVENT);
    expect(comments).toBe(COMMENT.repeat(comments.length / COMMENT.length));
    expect(JSON.parse(message)).toMatchObject({ id: 1, result: { content: [{ type: 'text', text: 'released' }] } });
  });

  test('sends none to a client that takes only JSON', async () => {
    const calls = new SampleCalls();
    const { url, listener } = await startListener({ calls, keepAliveMs: 1 });
    const asking = openCall(url, 'application/json', 'wait');
    // Another call with the same interval has got its comments meanwhile.
    const other = await openCall(url, 'text/event-stream, application/json', 'wait');
    calls.release();
    expect(await readAll(other.parts)).toContain(COMMENT);
    const { response, parts } = await asking;
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(await readAll(parts))).toMatchObject({ id: 1 });
    await listener.close({ deadlineMs: 0 });
  });

  test('that is quick is answered with JSON', async () => {
    const { url } = await startListener();
    const { response, parts } = await openCall(url, 'application/json, text/event-stream', 'count');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await readAll(parts)).not.toContain(COMMENT);
  });
});

test('no comment comes into a large answer that its client reads slowly', async () => {
  const { url, calls } = await startListener({ keepAliveMs: 1 });
  const rows = 40_000;
  let onComment = (): void => undefined;
  const hasComment = new Promise<void>((resolve) => (onComment = resolve));
  calls.addTool('late', async (_, context) => {
    // Its first comment means that there is a stream, in which the answer is the last event.
    await hasComment;
    return calls.callTool('large', { rows }, context);
  });
  const text = await new Promise<string>((resolve, reject) => {
    const sent = httpRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    });
    sent.on('error', reject).on('response', (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        received += part;
        if (received.includes(COMMENT)) onComment();
        response.pause();
        setImmediate(() => response.resume());
      });
      response.on('end', () => resolve(received)).on('error', reject);
    });
    sent.end(JSON.stringify(request('tools/call', { name: 'late', arguments: {} })));
  });
  const [comments = '', message = '', ...others] = text.split(EVENT);
  expect(comments).toContain(COMMENT);
  expect(others).toEqual([]);
  expect(message).not.toContain(COMMENT);
  expect(JSON.parse(message)).toHaveProperty('result.structuredContent.result.length', rows);
});
