import { describe, expect, it } from 'vitest';
import { InProcessServer, type StartOptions } from '../../kit/in-process-server.js';
import { createProject } from '../../kit/projects/temporary-project.js';

async function warningsOf(
  flags: NonNullable<StartOptions['flags']>,
  ...site: readonly string[]
): Promise<readonly string[]> {
  const project = createProject({ 'mxcp-site.yml': ['mxcp: 1', 'project: shop', 'profile: dev', ...site] });
  await using server = await InProcessServer.start(project, { flags });
  return server.logLines
    .filter((line) => /(authentication|SQL TOOLS)/.test(line))
    .map((line) => line.replace(/^\S+ /, ''));
}

const OPEN = expect.stringMatching(
  /^WARN mxcp: listening on \S+ without authentication: every client that reaches port /,
);
const SQL = expect.stringMatching(
  /^WARN mxcp: THE SQL TOOLS ARE ON: every client that reaches the port can run any SQL/,
);

describe('a start', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('on %s warns of no open port', async (host) => {
    expect(await warningsOf({ host, sqlTools: 'on' })).toEqual([]);
  });

  it.each(['0.0.0.0', '::'])('on %s warns that callers are not authenticated', async (host) => {
    expect(await warningsOf({ host })).toEqual([OPEN]);
  });

  it('on all addresses with SQL tools warns louder', async () => {
    const [open, sql] = await warningsOf({ host: '0.0.0.0', sqlTools: 'on' });
    expect([open, sql]).toEqual([OPEN, SQL]);
    expect(sql).not.toContain('read files');
    const [, reaching] = await warningsOf({ host: '0.0.0.0', sqlTools: 'on' }, 'sql_tools: { external_access: true }');
    expect(reaching).toContain('read files of this user and write them');
  });
});
