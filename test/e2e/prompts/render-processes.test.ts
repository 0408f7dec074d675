import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createShopProject } from '../../kit/projects/shop.js';
import { ChildServer } from '../../kit/child-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { busyTimeOf, isRunning, runningChildren } from '../../kit/processes.js';

const LOOP = '{% for i in range(n) %}{% for j in range(n) %}{% endfor %}{% endfor %}done';
const PROMPT = [
  'mxcp: 1',
  'prompt:',
  '  name: count',
  '  parameters: [{ name: n, type: integer }]',
  '  messages:',
  `    - prompt: "${LOOP}"`,
];

const SHORT = 2;
const LONG = 600;
const ENDLESS = 100_000;

describe('a process that renders prompts', () => {
  let server: ChildServer;
  let renderer: number;
  let render: (n: number) => Promise<string>;

  beforeEach(async () => {
    const project = await createShopProject('readonly', { 'prompts/count.yml': PROMPT });
    onTestFinished(() => project[Symbol.dispose]());
    server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'], env: { OWN: 'own-value' } });
    onTestFinished(() => server[Symbol.asyncDispose]());
    const client = await connectTo(server.url);
    onTestFinished(() => client.close());
    render = async (n) => {
      const { messages } = await client.getPrompt({ name: 'count', arguments: { n: String(n) } });
      return JSON.stringify(messages.map(({ content }) => content));
    };
    await render(SHORT);
    const [started, ...others] = runningChildren(server.pid);
    expect(others).toEqual([]);
    renderer = Number(started);
    onTestFinished(() => {
      if (isRunning(renderer)) process.kill(renderer, 'SIGKILL');
    });
  });

  /** Resolves with why it failed, once the process is in the middle of it. */
  async function renderEndless(): Promise<{ readonly failure: Promise<string> }> {
    const before = busyTimeOf(renderer);
    const failure = render(ENDLESS).catch((error: Error) => error.message);
    await expect.poll(() => busyTimeOf(renderer) - before, { timeout: 10_000 }).toBeGreaterThan(20);
    return { failure };
  }

  it('keeps running through signals that are meant for the server', async () => {
    const ended = new AbortController();
    const answer = render(LONG).finally(() => ended.abort());
    while (!ended.signal.aborted) {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(renderer, signal);
      await server.admin.health();
    }
    expect(await answer).toContain('done');
    expect(runningChildren(server.pid)).toEqual([renderer]);
  });

  it('speaks of no memory when something else has ended it', async () => {
    const { failure } = await renderEndless();
    process.kill(renderer, 'SIGKILL');
    expect(await failure).toContain(
      'prompt "count" cannot be rendered: its process ended unexpectedly (SIGKILL); call it again',
    );
    expect(await render(SHORT)).toContain('done');
  });

  it('ends with a server that a second signal ends', async () => {
    const { failure } = await renderEndless();
    server.child.kill('SIGTERM');
    await expect.poll(() => server.stderr).toContain('shutting down');
    server.child.kill('SIGTERM');
    expect(await server.ended).toBeNull();
    await failure;
    // Less than it needs to notice by itself.
    await expect.poll(() => isRunning(renderer), { timeout: 500 }).toBe(false);
  });

  it('ends soon after a server that was killed', async () => {
    await renderEndless();
    server.child.kill('SIGKILL');
    await server.ended;
    await expect.poll(() => isRunning(renderer), { timeout: 10_000 }).toBe(false);
  });

  it('inherits nothing of the environment', () => {
    const names = readFileSync(`/proc/${renderer}/environ`, 'utf8')
      .split('\0')
      .map((each) => each.split('=')[0]);
    expect(names.filter((name) => name !== '' && !name?.startsWith('NODE_CHANNEL_'))).toEqual(['NODE_OPTIONS']);
  });
});

it('a program that is given with --eval is not run again in the processes it starts', () => {
  const renderers = join(import.meta.dirname, '../../../dist/prompts/renderers.js');
  // The guard ends a chain of such processes at its second link.
  const program = `
    if (process.send) process.exit(7);
    const { Renderers } = await import(${JSON.stringify(pathToFileURL(renderers).href)});
    const all = new Renderers();
    const request = { templates: ['{{ 1 }}'], values: {}, maxBytes: 100 };
    console.log(JSON.stringify(await all.render('prompt', request, new AbortController().signal)));
    await all.dispose();`;
  const { stdout } = spawnSync(process.execPath, ['--eval', `(async () => {${program}})()`], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(JSON.parse(stdout)).toEqual({ kind: 'rendered', texts: ['1'] });
});
