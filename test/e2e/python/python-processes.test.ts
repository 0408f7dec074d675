import { existsSync, readFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChildServer, childEnvironment } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { isRunning } from '../../kit/processes.js';
import { pythonTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

const CODE = [
  'import asyncio, os, time',
  'from mxcp.runtime import mcp, on_init, on_shutdown',
  '',
  'def note(text):',
  '    with open("notes", "a") as notes:',
  '        notes.write("%s %d\\n" % (text, os.getpid()))',
  '',
  '@on_init',
  'def begin():',
  '    note("begin")',
  '    while os.path.exists("hang"):',
  '        time.sleep(0.01)',
  '',
  '@on_shutdown',
  'def end():',
  '    note("end")',
  '',
  'def sleep(seconds):',
  '    print("not of the protocol")',
  '    os.write(1, b"nor this\\n")',
  '    open("asleep", "w").close()',
  '    time.sleep(seconds)',
  '    return "slept"',
  '',
  'async def messages():',
  '    await mcp.progress(1, 1)',
  // The client forgets who waits for progress as soon as it reads the answer, also in the same chunk.
  '    await asyncio.sleep(0.2)',
  '    return "sent"',
];

const WITHOUT_HOOK = CODE.filter((line) => line !== '@on_shutdown');

let project: TemporaryProject;
beforeEach(() => {
  project = new TemporaryProject({
    'python/code.py': CODE,
    'tools/sleep.yml': pythonTool('sleep', 'python/code.py', ['parameters: [{ name: seconds, type: number }]']),
    'tools/messages.yml': pythonTool('messages', 'python/code.py'),
  });
});
afterEach(() => project[Symbol.dispose]());

const args = ['--python-workers', '2'];

/** What the hooks wrote down: the processes that began, and those that ended. */
function workers(word: 'begin' | 'end'): readonly number[] {
  if (!existsSync(project.path('notes'))) return [];
  const lines = readFileSync(project.path('notes'), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]));
}

const allGone = () => vi.waitFor(() => expect(workers('begin').filter(isRunning)).toEqual([]), 5000);

describe('the end of a server with Python code', () => {
  /** A call that takes too long is ended, within the time that a stop may take, and no process is left. */
  async function expectCallEnded(): Promise<void> {
    const server = await ChildServer.start(project, { args: [...args, '--shutdown-timeout', '4s'] });
    const client = await connectTo(server.url);
    const call = expect(callText(client, 'sleep', { seconds: 60 })).rejects.toThrow();
    await vi.waitFor(() => expect(existsSync(project.path('asleep'))).toBe(true));
    const stoppedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    await call;
    await allGone();
    await client.close();
  }

  it('lets a call end after SIGTERM, runs the hooks of every worker, and leaves no process', async () => {
    const server = await ChildServer.start(project, { args });
    const client = await connectTo(server.url);
    const call = callText(client, 'sleep', { seconds: 1 });
    await vi.waitFor(() => expect(existsSync(project.path('asleep'))).toBe(true));
    server.child.kill('SIGTERM');
    expect(await call).toBe('slept');
    expect(await server.ended).toBe(0);
    expect(workers('begin')).toHaveLength(2);
    expect([...workers('end')].sort()).toEqual([...workers('begin')].sort());
    await allGone();
    await client.close();
  });

  it('ends a call that takes too long, within the time that a stop may take, and still runs hooks', async () => {
    await expectCallEnded();
    // The worker that slept was killed; the other one has ended in order.
    expect(workers('end').length).toBeGreaterThanOrEqual(1);
  });

  it('ends such a call in time also where calls have the time of the hooks', async () => {
    project.write('python/code.py', WITHOUT_HOOK);
    await expectCallEnded();
  });

  it('gives a call more time where no code has registered an on_shutdown hook', async () => {
    project.write('python/code.py', WITHOUT_HOOK);
    const server = await ChildServer.start(project, { args: [...args, '--shutdown-timeout', '4s'] });
    const client = await connectTo(server.url);
    // With a hook, calls have 2 s, and without one 3.2 s.
    const call = callText(client, 'sleep', { seconds: 2.5 });
    await vi.waitFor(() => expect(existsSync(project.path('asleep'))).toBe(true));
    server.child.kill('SIGTERM');
    expect(await call).toBe('slept');
    expect(await server.ended).toBe(0);
    expect(workers('end')).toEqual([]);
    await allGone();
    await client.close();
  });

  it('comes at once while an on_init hook hangs', async () => {
    project.write('hang', '');
    const server = ChildServer.spawn(project, { args });
    await vi.waitFor(() => expect(workers('begin')).toHaveLength(1), 10_000);
    const stoppedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    await allGone();
  });

  it('comes at once while the on_init hook of a reload hangs', async () => {
    const server = await ChildServer.start(project, { args });
    project.write('hang', '');
    await server.admin.reload();
    await vi.waitFor(() => expect(workers('begin')).toHaveLength(3), 10_000);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    await allGone();
  });

  it('ends its workers also when it is killed', async () => {
    const server = await ChildServer.start(project, { args });
    const client = await connectTo(server.url);
    const call = callText(client, 'sleep', { seconds: 60 }).catch(() => 'cut');
    await vi.waitFor(() => expect(existsSync(project.path('asleep'))).toBe(true));
    server.child.kill('SIGKILL');
    await server.ended;
    await allGone();
    await call;
    await client.close();
  });
});

describe('a server that speaks MCP on its standard streams', () => {
  it('keeps what Python code prints out of the protocol, and delivers its messages', async () => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [COMMAND, 'serve', '--transport', 'stdio', ...args],
      cwd: project.root,
      // The values that are not set are left out.
      env: childEnvironment(project, {}) as Record<string, string>,
      stderr: 'pipe',
    });
    let log = '';
    transport.stderr?.on('data', (chunk) => (log += String(chunk)));
    const client = new Client({ name: 'test', version: '1' });
    const broken: unknown[] = [];
    client.onerror = (error) => void broken.push(error);
    await client.connect(transport);
    const progress: unknown[] = [];
    const onprogress = (each: unknown) => void progress.push(each);
    expect((await client.callTool({ name: 'messages' }, { onprogress })).content).toEqual([
      { type: 'text', text: 'sent' },
    ]);
    expect(await callText(client, 'sleep', { seconds: 0 })).toBe('slept');
    expect(progress).toEqual([{ progress: 1, total: 1 }]);
    await client.close();
    expect(broken).toEqual([]);
    expect(log).toMatch(
      /python: not of the protocol stream=stdout worker=\d+ endpoint="tool \\"sleep\\"" request=\d+$/m,
    );
    expect(log).toMatch(/python: nor this stream=stdout worker=\d+$/m);
    await allGone();
    expect(workers('end')).toHaveLength(2);
  });
});
