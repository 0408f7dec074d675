import { expect, test } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { Scrubber } from '../../../src/logging/index.js';
import { toProtocolError, toToolFailure } from '../../../src/mcp/call-errors.js';

const leak = new MxcpError('query_failed', 'Failed to execute SQL: connection refused for hunter2hunter2');

const scrubber = new Scrubber();
scrubber.register(['hunter2hunter2']);

test('a secret value that an error quotes does not reach the client of a tool', () => {
  expect(toToolFailure('sales', leak, scrubber)).toEqual({
    content: [
      { type: 'text', text: 'Error executing tool sales: Failed to execute SQL: connection refused for [secret]' },
    ],
    isError: true,
  });
});

test('the text of a refused call names its tool once', () => {
  const refused = new MxcpError('params_invalid', 'invalid arguments for tool "sales": "a" is required');
  const [block] = toToolFailure('sales', refused, scrubber).content;
  expect(block).toEqual({ type: 'text', text: 'Error executing tool sales: invalid arguments: "a" is required' });
});

test('what an endpoint itself answers is given alone', () => {
  for (const code of ['tool_error', 'not_found'] as const) {
    const [block] = toToolFailure('sales', new MxcpError(code, 'no shop hunter2hunter2'), scrubber).content;
    expect(block).toEqual({ type: 'text', text: 'no shop [secret]' });
  }
});

test('a secret value that an error quotes does not reach the client of a resource or a prompt', () => {
  const resource = toProtocolError({ kind: 'resource', name: 'sales://all' }, leak, { scrubber, isModern: true });
  const prompt = toProtocolError({ kind: 'prompt', name: 'sales' }, leak, { scrubber, isModern: true });
  expect(resource.message).not.toContain('hunter2');
  expect(prompt.message).not.toContain('hunter2');
});

test('a message takes at most 2 KB, whatever it quotes, and keeps its end', () => {
  const error = new MxcpError(
    'query_failed',
    `Could not convert "${'ä😀'.repeat(100_000)}" to INT32\n\nLINE 1: SELECT 1`,
  );
  const [block] = toToolFailure('sales', error, scrubber).content;
  const text = block?.type === 'text' ? block.text : '';
  expect(text).toMatch(/^Error executing tool sales: Could not convert "[ä😀]+…[ä😀]+" to INT32\n\nLINE 1: SELECT 1$/u);
  const context = { scrubber, isModern: true };
  const { message } = toProtocolError({ kind: 'prompt', name: 'p' }, error, context);
  for (const each of [text, message]) expect(Buffer.byteLength(each)).toBeLessThan(2048);
  const long = 'x'.repeat(5000);
  expect(toToolFailure('sales', new MxcpError('not_found', long), scrubber).content).toEqual([
    { type: 'text', text: long },
  ]);
});
