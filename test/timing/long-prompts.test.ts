import { describe, expect, it } from 'vitest';
import { createShopProject } from '../kit/projects/shop.js';
import { ChildServer } from '../kit/child-server.js';
import { connectTo } from '../kit/mcp-client.js';
import { isRunning, runningChildren } from '../kit/processes.js';

const PROMPT = [
  'mxcp: 1',
  'prompt:',
  '  name: items',
  '  parameters: [{ name: n, type: integer }]',
  '  messages:',
  '    - prompt: "{% for i in range(n) %}item {{ i }} {% endfor %}"',
];

const prompt = (n: number) => ({ name: 'items', arguments: { n: String(n) } });

describe('a prompt that would need more time and memory than there is', () => {
  it('fails alone: the server answers meanwhile, and the next prompt, and leaves no process behind', async () => {
    using project = await createShopProject('readonly', { 'prompts/items.yml': PROMPT });
    await using server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'] });
    const client = await connectTo(server.url);
    const ended = new AbortController();
    const failure = client
      .getPrompt(prompt(200_000_000))
      .catch((error: Error) => error.message)
      .finally(() => ended.abort());
    const waits: number[] = [];
    while (!ended.signal.aborted) {
      const start = performance.now();
      await server.admin.health();
      waits.push(performance.now() - start);
    }
    expect(await failure).toContain('prompt "items" cannot be rendered: its process ended');
    expect(Math.max(...waits)).toBeLessThan(5_000);

    expect((await client.getPrompt(prompt(2))).messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'item 0 item 1 ' } },
    ]);
    const kept = runningChildren(server.pid);
    expect(kept).toHaveLength(1);
    await client.close();
    server.child.kill('SIGTERM');
    await expect.poll(() => kept.filter(isRunning)).toEqual([]);
  });
});
