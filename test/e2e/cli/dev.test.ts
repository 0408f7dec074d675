import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { callText } from '../../kit/mcp-client.js';
import { connectClient, MxcpProcess, runMxcp, SMALL_PROJECT, temporaryFolder, waitFor } from './mxcp-process.js';

const tool = (column: string) =>
  `mxcp: 1\ntool:\n  name: fresh\n  source:\n    code: |\n      SELECT ${column}\n      FROM (SELECT 7 AS carrier)\n`;

function startDev(files: Readonly<Record<string, string>>): { readonly root: string; readonly dev: MxcpProcess } {
  const folder = temporaryFolder({ ...SMALL_PROJECT, ...files });
  const dev = new MxcpProcess(['dev', '--port', '0'], { cwd: folder.path });
  onTestFinished(async () => {
    dev.kill('SIGKILL');
    await dev.ended;
    folder.dispose();
  });
  return { root: folder.path, dev };
}

it('applies each change of a file, shows errors with their line, and ends with 0', async () => {
  const { root, dev } = startDev({});
  const url = await dev.url();
  await waitFor(() => dev.stderr.includes('npx @modelcontextprotocol/inspector'), 'how to try a tool');
  expect(dev.stderr).toContain(encodeURIComponent(url));
  writeFileSync(join(root, 'tools/fresh.yml'), tool('carier'));
  await waitFor(() => dev.stderr.includes('  >    6 |       SELECT carier'), `the line of code: ${dev.stderr}`);
  expect(dev.stderr).toContain('Referenced column "carier" not found');
  writeFileSync(join(root, 'tools/fresh.yml'), tool('carrier'));
  await waitFor(() => dev.stderr.includes('reload succeeded'), 'the reload');
  const client = await connectClient(url);
  onTestFinished(() => client.close());
  expect(await callText(client, 'fresh')).toContain('7');
  const beside = await runMxcp(['run', 'tool', 'fresh'], { cwd: root });
  expect(JSON.parse(beside.stdout)).toEqual([{ carrier: 7 }]);
  const socket = /admin socket listening: (\S+)/.exec(dev.stderr)?.[1] ?? '';
  expect(existsSync(socket)).toBe(true);
  dev.kill('SIGTERM');
  expect(await dev.ended).toMatchObject({ code: 0, signal: null });
  expect(existsSync(dirname(socket))).toBe(false);
});

it('waits for the correction of a file with which it cannot start', async () => {
  const { root, dev } = startDev({ 'tools/fresh.yml': tool('carier') });
  await waitFor(() => dev.stderr.includes('waiting for a project file to change'), 'the wait');
  expect(dev.stderr).toContain('  >    6 |       SELECT carier');
  expect(dev.isRunning).toBe(true);
  writeFileSync(join(root, 'tools/fresh.yml'), tool('carrier'));
  const client = await connectClient(await dev.url());
  onTestFinished(() => client.close());
  expect(await callText(client, 'fresh')).toContain('7');
});

it.each(['SIGTERM', 'SIGINT'] as const)('%s ends the wait, with the exit code of the error', async (signal) => {
  const { dev } = startDev({ 'mxcp-site.yml': 'mxcp: 1\nproject: small\nprofile: dev\nunclosed: [\n' });
  await waitFor(() => dev.stderr.includes('waiting for a project file to change'), 'the wait');
  dev.kill(signal);
  expect(await dev.ended).toMatchObject({ code: 2, signal: null });
});

it('ends with what no edit can fix', async () => {
  const { dev } = startDev({});
  const second = new MxcpProcess(['dev', '--port', new URL(await dev.url()).port], {
    cwd: temporaryFolder(SMALL_PROJECT).path,
  });
  expect(await second.ended).toMatchObject({ code: 3 });
});
