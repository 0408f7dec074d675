import { expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.js';
import { run } from '../../../src/cli/commands/log.js';
import { createOutput } from '../../../src/cli/terminal/output.js';

it.each([
  ['status', 'failed', '--status must be one of success, error, not "failed"'],
  ['policy', 'denied', '--policy must be one of allow, deny, warn, not "denied"'],
  ['type', 'tools', 'not "tools"'],
])('mxcp log refuses --%s %s, which no record has', async (option, value, expected) => {
  const streams = { input: 0, output: 1 };
  const nothing = (): void => undefined;
  const early = { hangups: 0, stops: 0, stopSignal: undefined, onHangup: nothing, onReopen: nothing, onStop: nothing };
  const program = { name: 'mxcp', doc: '', subcommands: COMMANDS };
  const context = { env: {}, cwd: '/', output: createOutput(), early: { ...early, streams, threads: [] }, program };
  await expect(run([], { [option]: value }, context)).rejects.toThrow(expected);
});
