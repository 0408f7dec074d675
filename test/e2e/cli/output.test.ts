import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cleanEnv, LAUNCHER, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

const REASON = 'cannot write to standard output: ENOSPC: no space left on device, write';

/** Runs a command in a small project, with one of its outputs on a device that is full. */
async function runOnFullDisk(args: readonly string[], full: 'stdout' | 'stderr' = 'stdout') {
  const project = temporaryFolder(SMALL_PROJECT);
  const device = openSync('/dev/full', 'w');
  onTestFinished(() => {
    closeSync(device);
    project.dispose();
  });
  const outputs: (number | 'pipe')[] = full === 'stdout' ? [device, 'pipe'] : ['pipe', device];
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: project.path,
    env: cleanEnv(project.path),
    stdio: ['ignore', ...outputs],
  });
  const open = child.stdout ?? child.stderr;
  if (open === null) throw new Error('one of the two is a pipe');
  const [[code], said] = await Promise.all([once(child, 'exit'), text(open)]);
  return { code: Number(code), said };
}

describe('an output that cannot be written', () => {
  it.each([[['--help']], [['list']], [['list', '--json-output']], [['completion', 'bash']]])(
    'is reported, for mxcp %j',
    async (args) => {
      expect(await runOnFullDisk(args)).toEqual({
        code: 3,
        said: `Error: ${REASON}; free some disk space, or redirect the output\n`,
      });
    },
  );

  it('does not hide why a command failed', async () => {
    const { code, said } = await runOnFullDisk(['run', 'tool', 'none', '--json-output']);
    expect(code).toBe(3);
    expect(said).toMatch(/^Error: there is no tool "none"/);
    expect(said).toContain(`Error: ${REASON}`);
  });

  it('changes no exit code when only the words for a person are lost', async () => {
    const { code, said } = await runOnFullDisk(['run', 'tool', 'none', '--json-output'], 'stderr');
    expect(code).toBe(2);
    expect(JSON.parse(said)).toMatchObject({ code: 'endpoint_not_found' });
  });
});
