import { expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { listSegments } from '../../../src/audit/index.js';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject } from '../../kit/projects/temporary-project.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';

/** Of each durability. */
const KILLS = Number(process.env['MXCP_TEST_AUDIT_KILLS'] ?? 2);
const CALLERS = 4;

// What the kernel has survives the process, so with a window a kill loses nothing either.
it.each(['sync', 'window'])(
  'with `durability: %s`, every answered call has its record, however often the server is killed under load',
  async (durability) => {
    const project = createProject({
      ...CLIENT_PROJECT,
      'mxcp-site.yml': [
        'mxcp: 1',
        'project: audited',
        'profile: dev',
        `profiles: { dev: { audit: { enabled: true, max_file_size: 200000, durability: ${durability} } } }`,
      ],
    });
    const answered = new Set<number>();
    let next = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const wanted = answered.size + 10 + (kill % 40) * 5;
      const server = await ChildServer.start(project);
      const callers = Array.from({ length: CALLERS }, async () => {
        const client = await connectTo(server.url);
        for (;;) {
          const a = next++;
          await callText(client, 'add', { a });
          answered.add(a);
          if (answered.size >= wanted) server.child.kill('SIGKILL');
        }
      });
      // Each ends when the server is gone.
      await Promise.allSettled(callers);
      await server.ended;
    }
    const recorded = new Set<unknown>();
    for (const { path } of await listSegments(project.path('audit/logs-dev.jsonl'))) {
      for (const line of readFileSync(path, 'utf8').split('\n').filter(isWhole)) {
        const { input_data: input } = JSON.parse(line) as { readonly input_data: { readonly a: number } };
        recorded.add(input.a);
      }
    }
    console.log(`${KILLS} kills: ${answered.size} calls answered, ${recorded.size} recorded`);
    expect(answered.size).toBeGreaterThan(KILLS * 10);
    expect([...answered].filter((a) => !recorded.has(a))).toEqual([]);
  },
  60_000 + KILLS * 10_000,
);

/** The last line of a server that was killed may be incomplete. */
function isWhole(line: string): boolean {
  return line.endsWith('}');
}
