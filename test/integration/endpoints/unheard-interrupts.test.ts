import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Disposer } from '../../../src/lifecycle/index.js';
import { anonymous, foldersOf, openProject } from '../../kit/projects/endpoint-project.js';
import { createProject, sqlTool } from '../../kit/projects/temporary-project.js';
import { countDescriptors } from '../duckdb/temporary-database.js';

/** A tool that reads a named pipe, which no interrupt ends, and one that needs no time. */
async function start(callTimeoutMs: number) {
  const project = createProject();
  const pipe = project.path('pipe');
  execFileSync('mkfifo', [pipe]);
  project.write('tools/reads.yml', sqlTool('reads', `SELECT content FROM read_text('${pipe}')`));
  project.write('tools/quick.yml', sqlTool('quick', 'SELECT 1 AS a'));
  const disposer = new Disposer();
  onTestFinished(() => disposer.dispose());
  const opened = await openProject(foldersOf(project.root), disposer, { callTimeoutMs });
  const writer = await open(pipe, 'r+');
  const untilRead = () => vi.waitFor(() => expect(countDescriptors(pipe)).toBe(2));
  return { ...opened, untilRead, endRead: () => writer.close() };
}

test('a call whose query hears no interrupt is answered all the same, and holds its lease until the query ends', async () => {
  const { calls, active, untilRead, endRead } = await start(500);
  const reading = expect(calls.callTool('reads', {}, anonymous())).rejects.toMatchObject({ code: 'call_timeout' });
  await untilRead();
  await reading;
  expect([calls.activeCalls, active.current.activeLeases]).toEqual([1, 1]);
  expect(await calls.callTool('quick', {}, anonymous())).toMatchObject({ items: [{ a: 1 }] });
  await endRead();
  await vi.waitFor(() => expect([calls.activeCalls, active.current.activeLeases]).toEqual([0, 0]), { timeout: 20_000 });
});

test('so is a call that its caller cancels', async () => {
  const { calls, untilRead, endRead } = await start(20_000);
  const cancel = new AbortController();
  const reading = calls.callTool('reads', {}, { ...anonymous(), signal: cancel.signal });
  const ended = expect(reading).rejects.toMatchObject({ code: 'query_interrupted' });
  await untilRead();
  cancel.abort();
  await ended;
  expect(calls.activeCalls).toBe(1);
  await endRead();
  await vi.waitFor(() => expect(calls.activeCalls).toBe(0), { timeout: 20_000 });
});
