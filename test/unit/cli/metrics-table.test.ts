import { expect, test } from 'vitest';
import { printFamilies } from '../../../src/cli/commands/admin/metrics.js';
import { createOutput } from '../../../src/cli/terminal/output.js';

const bucket = (le: string, value: number) => ({ name: 'call_seconds_bucket', labels: { tool: 'sales', le }, value });

test('a histogram is one line, and values have their units', () => {
  const lines: string[] = [];
  const output = { ...createOutput(), isTerminal: false, print: (line: string) => void lines.push(line) };
  printFamilies(
    [
      {
        name: 'call_seconds',
        help: 'Time.',
        type: 'histogram',
        samples: [
          bucket('0.005', 10),
          bucket('0.01', 19),
          bucket('0.1', 20),
          bucket('+Inf', 20),
          { name: 'call_seconds_sum', labels: { tool: 'sales' }, value: 0.04 },
          { name: 'call_seconds_count', labels: { tool: 'sales' }, value: 20 },
          { name: 'call_seconds_bucket', labels: { tool: 'slow', le: '+Inf' }, value: 1 },
          { name: 'call_seconds_sum', labels: { tool: 'slow' }, value: 400 },
          { name: 'call_seconds_count', labels: { tool: 'slow' }, value: 1 },
          { name: 'call_seconds_count', labels: { tool: 'unused' }, value: 0 },
        ],
      },
      {
        name: 'reload_timestamp_seconds',
        help: 'When.',
        type: 'gauge',
        samples: [{ name: 'reload_timestamp_seconds', labels: {}, value: 1_705_314_600 }],
      },
      {
        name: 'memory_bytes',
        help: 'How much.',
        type: 'gauge',
        samples: [{ name: 'memory_bytes', labels: { of: 'heap', kind: 'used' }, value: 1_572_864 }],
      },
      { name: 'unknown', help: 'Nothing.', type: 'gauge', samples: [] },
    ],
    output,
  );
  expect(lines.map((line) => line.split('\t'))).toEqual([
    ['METRIC', 'LABELS', 'VALUE'],
    ['call_seconds', 'tool=sales', '20, 2 ms on average, 95 % within 10 ms'],
    ['call_seconds', 'tool=slow', '1, 400.0 s on average'],
    ['reload_timestamp_seconds', '', '2024-01-15T10:30:00.000Z'],
    ['memory_bytes', 'of=heap kind=used', '1.5 MiB'],
  ]);
});
