import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

/** Through the shell lines of the launcher, as its users start it. */
const launched = (before = ':') => ['sh', '-c', `${before}; shift; exec "$@"`, 'sh'];

/** The soft limit of the data segment, in bytes. */
function dataLimitOf(pid: number): number {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return Number(/^Max data size\s+(\S+)/m.exec(limits)?.[1]);
}

describe('the memory of a server', () => {
  let project: TemporaryProject;

  beforeEach(() => {
    project = new TemporaryProject();
  });
  afterEach(() => project[Symbol.dispose]());

  it('is limited to a part of what the machine or the container has', async () => {
    await using server = await ChildServer.start(project, { begin: launched() });
    const limit = dataLimitOf(server.pid);
    expect(limit).toBeGreaterThan(0);
    expect(limit).toBeLessThanOrEqual(totalmem() * 0.75 + 768 * 1024 * 1024);
  });

  it('keeps a limit that is set already, and a value beyond it fails its call alone', async () => {
    const begin = launched('ulimit -S -d 3000000');
    await using server = await ChildServer.start(project, { begin, args: ['--sql-tools', 'on'] });
    expect(dataLimitOf(server.pid)).toBe(3_000_000 * 1024);
    const client = await connectTo(server.url);
    const query = (sql: string) => client.callTool({ name: 'execute_sql_query', arguments: { sql } });
    try {
      for (const sql of ['SELECT range(1000000000) AS r', "SELECT repeat('x', 4000000000) AS r"]) {
        const { isError, content } = await query(sql);
        expect(isError).toBe(true);
        expect(JSON.stringify(content)).toContain('Out of Memory Error');
      }
      expect(await query('SELECT 1 AS one')).toMatchObject({ structuredContent: { result: [{ one: 1 }] } });
    } finally {
      await client.close();
    }
  });
});
