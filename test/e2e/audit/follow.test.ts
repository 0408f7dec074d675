import { expect, it, vi } from 'vitest';
import { listSegments } from '../../../src/audit/index.js';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';
import { createProject } from '../../kit/projects/temporary-project.js';
import { MxcpProcess } from '../cli/mxcp-process.js';

it('`mxcp log --follow` shows records as they are written, each once, also those of files that begin meanwhile', async () => {
  const project = createProject({
    ...CLIENT_PROJECT,
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: audited',
      'profile: dev',
      'profiles: { dev: { audit: { enabled: true, max_file_size: 3000 } } }',
    ],
  });
  await using server = await ChildServer.start(project);
  const client = await connectTo(server.url);
  await callText(client, 'add', { a: 0 });
  const following = new MxcpProcess(['log', '--follow', '--json', '--tool', 'add'], { cwd: project.root });
  const shown = (): readonly number[] =>
    following.stdout
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => (JSON.parse(line) as { readonly input_data: { readonly a: number } }).input_data.a);
  await vi.waitFor(() => expect(shown()).toEqual([0]), { timeout: 20_000 });
  for (let a = 1; a <= 12; a += 1) {
    await callText(client, 'add', { a });
    await client.readResource({ uri: 'notes://7' });
    if (a === 6) server.child.kill('SIGUSR1');
  }
  await client.close();
  await vi.waitFor(() => expect(shown()).toEqual(Array.from({ length: 13 }, (_, a) => a)), { timeout: 20_000 });
  expect((await listSegments(project.path('audit/logs-dev.jsonl'))).length).toBeGreaterThan(5);
  following.kill('SIGINT');
  await following.ended;
});
