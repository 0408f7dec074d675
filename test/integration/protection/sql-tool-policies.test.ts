import { describe, expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { protectedProject } from '../../kit/projects/protected-project.js';
import { callOf, postMessage } from '../../kit/raw-http.js';

const ADA = 'ada-token-0123456789abcdef';
const BOB = 'bob-token-0123456789abcdef';
const AUTH = {
  provider: 'static',
  static: {
    tokens: [
      { token: ADA, username: 'ada', role: 'analyst' },
      { token: BOB, username: 'bob' },
    ],
  },
};

const siteWith = (...rules: readonly string[]) => [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'sql_tools:',
  '  enabled: true',
  '  policies:',
  ...rules.map((rule) => `    ${rule}`),
];
const ANALYSTS = ['input:', `  - { condition: 'user.role != "analyst"', action: deny, reason: SQL is for analysts }`];

const projectWith = (...rules: readonly string[]) => protectedProject(AUTH, { 'mxcp-site.yml': siteWith(...rules) });

async function ask(server: InProcessServer, token: string, message: object): Promise<Record<string, unknown>> {
  const { text } = await postMessage(server.url, message, ['authorization', `Bearer ${token}`]);
  return JSON.parse(text).result;
}

const queryOf = (sql: string) => callOf('execute_sql_query', { sql });
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };

async function toolsOf(server: InProcessServer, token: string): Promise<readonly string[]> {
  const { tools } = await ask(server, token, LIST);
  return (tools as readonly { readonly name: string }[]).map(({ name }) => name);
}

describe('policies of the SQL tools', () => {
  it('decide who may call them and who sees them', async () => {
    await using server = await InProcessServer.start(projectWith(...ANALYSTS));
    expect(await ask(server, ADA, queryOf('SELECT 42 AS n'))).toMatchObject({
      structuredContent: { result: [{ n: 42 }] },
    });
    for (const call of [queryOf('SELECT 42 AS n'), callOf('list_tables', {})]) {
      const refused = await ask(server, BOB, call);
      expect(refused).toMatchObject({ isError: true });
      expect(JSON.stringify(refused)).toMatch(/Policy enforcement failed: SQL is for analysts \(decision [\w-]{36}\)/);
    }
    expect(await toolsOf(server, ADA)).toContain('execute_sql_query');
    expect(await toolsOf(server, BOB)).not.toContain('execute_sql_query');
    expect(await toolsOf(server, BOB)).toContain('whoami');
  });

  it('read the arguments, of which a tool has null for those it does not take', async () => {
    const rules = ['input:', `  - { condition: 'sql != null && sql.contains("salary")', action: deny }`];
    await using server = await InProcessServer.start(projectWith(...rules));
    expect(await ask(server, BOB, queryOf('SELECT 1 AS salary'))).toMatchObject({ isError: true });
    expect(await ask(server, BOB, queryOf('SELECT 1 AS n'))).not.toMatchObject({ isError: true });
    expect(await ask(server, BOB, callOf('list_tables', {}))).not.toMatchObject({ isError: true });
  });

  it('deny when a condition cannot be evaluated', async () => {
    const rules = ['input:', `  - { condition: 'user.email.endsWith("@example.com")', action: deny }`];
    await using server = await InProcessServer.start(projectWith(...rules));
    expect(await ask(server, ADA, queryOf('SELECT 42 AS n'))).toMatchObject({ isError: true });
  });

  it.each([
    [
      'an unknown name',
      'input: [{ condition: \'usr.role == "analyst"\', action: deny }]',
      '7:26: in the condition, "usr"',
    ],
    [
      'a change of an answer',
      "output: [{ condition: 'true', action: mask_fields, fields: [a] }]",
      '7:43: `mask_fields`',
    ],
  ])('with %s prevent a start, with the place', async (_what, rule, place) => {
    const starting = InProcessServer.start(projectWith(rule));
    await expect(starting).rejects.toThrow(`mxcp-site.yml:${place}`);
  });

  it('stay when a reload finds them changed, which only a restart applies', async () => {
    const project = projectWith(...ANALYSTS);
    await using server = await InProcessServer.start(project);
    project.write('mxcp-site.yml', siteWith('input: []'));
    const record = await server.admin.reload({ waitMs: 20_000 });
    expect(record).toMatchObject({ status: 'success' });
    expect(JSON.stringify(record)).toContain('sql_tools.policies');
    expect(await ask(server, BOB, queryOf('SELECT 42 AS n'))).toMatchObject({ isError: true });
  });
});
