import { expect, test } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { Scrubber } from '../../../src/logging/index.js';
import { toProtocolError, toToolFailure } from '../../../src/mcp/mcp-server.js';

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
