import { expect, test } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import { toPromptFailure, toResourceFailure, toToolFailure } from '../../../src/mcp/tool-result.js';

const leak = new MxcpError('query_failed', 'Failed to execute SQL: connection refused for hunter2hunter2');

function output() {
  const scrubber = new Scrubber();
  scrubber.register(['hunter2hunter2']);
  return { logger: createSilentLogger(), scrubber };
}

test('a secret value that an error quotes does not reach the client of a tool', () => {
  expect(toToolFailure('sales', leak, output())).toEqual({
    content: [
      {
        type: 'text',
        text: 'Error executing tool sales: Failed to execute SQL: connection refused for [secret]',
      },
    ],
    isError: true,
  });
});

test('a secret value that an error quotes does not reach the client of a resource or a prompt', () => {
  expect(toResourceFailure('sales://all', leak, output()).message).not.toContain('hunter2');
  expect(toPromptFailure('sales', leak, output()).message).not.toContain('hunter2');
});
