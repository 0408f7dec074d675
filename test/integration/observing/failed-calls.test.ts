import { expect, it } from 'vitest';
import { connectTo } from '../../kit/mcp-client.js';
import { startPython } from '../../kit/projects/python-server.js';
import { createProject, pythonTool, sqlTool } from '../../kit/projects/temporary-project.js';

const PROJECT = {
  'tools/bad_cast.yml': [
    'mxcp: 1',
    'tool:',
    '  name: bad_cast',
    '  parameters: [{ name: x, type: string }]',
    '  source:',
    '    code: |',
    '      SELECT 1 AS a,',
    '        CAST($x AS INTEGER) AS b',
  ],
  'tools/raises.yml': pythonTool('raises', 'python/raises.py', ['parameters: [{ name: x, type: string }]']),
  'python/raises.py': ['def raises(x):', '    raise KeyError(x)'],
  'tools/fine.yml': sqlTool('fine', 'SELECT 1 AS a'),
  'resources/item.yml': [
    'mxcp: 1',
    'resource:',
    '  uri: item://{id}',
    '  parameters: [{ name: id, type: string }]',
    '  source: { code: SELECT CAST($id AS INTEGER) AS id }',
  ],
};

const VALUE = 'planted-value';

it('a failed call leaves one line at the default level, with its place and without the values of arguments', async () => {
  const server = await startPython(createProject(PROJECT), { flags: { sqlTools: 'on' } });
  const client = await connectTo(server.url);
  server.logLines.length = 0;
  await client.callTool({ name: 'fine', arguments: {} });
  await client.callTool({ name: 'bad_cast', arguments: { x: VALUE } });
  await client.callTool({ name: 'raises', arguments: { x: VALUE } });
  await client.callTool({ name: 'bad_cast', arguments: { x: { [VALUE]: VALUE } } });
  await client.callTool({ name: 'execute_sql_query', arguments: { sql: `SELECT '${VALUE}'::INTEGER` } });
  await expect(client.readResource({ uri: `item://${VALUE}` })).rejects.toThrow('Could not convert');
  await expect(client.callTool({ name: 'absent', arguments: { x: VALUE } })).rejects.toThrow('Unknown tool');
  await client.close();
  const lines = server.logLines.map((line) => line.replace(/^\S+ /, '').replace(/ duration_ms=.*/s, ''));
  expect(lines).toEqual([
    expect.stringMatching(
      /^WARN calls: tool "bad_cast" failed: .*Conversion Error: .* kind=tool name=bad_cast code=query_failed place=tools\/bad_cast.yml:\d+$/,
    ),
    expect.stringMatching(
      /^WARN calls: tool "raises" failed: KeyError: .* kind=tool name=raises code=python_failed place=python\/raises.py:2$/,
    ),
    expect.stringMatching(
      /^INFO calls: tool "bad_cast" failed: .* must be text.* kind=tool name=bad_cast code=params_invalid place=tools\/bad_cast.yml:7$/,
    ),
    'INFO calls: tool "execute_sql_query" failed: Conversion Error kind=tool name=execute_sql_query code=query_failed',
    expect.stringMatching(
      /^WARN calls: resource item:\/\/\{id\} failed: .* kind=resource name=item:\/\/\{id\} code=query_failed/,
    ),
    'INFO calls: there is no tool "absent" kind=tool name=absent code=endpoint_not_found',
  ]);
  expect(server.logLines.join('')).not.toContain(VALUE);
  expect(server.logLines[0]).toMatch(/ request=\d+ client=(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)\n/);
});

it('counts the calls of the server in its status', async () => {
  const server = await startPython(createProject(PROJECT));
  const client = await connectTo(server.url);
  await client.callTool({ name: 'fine', arguments: {} });
  await client.callTool({ name: 'fine', arguments: {} });
  await client.callTool({ name: 'bad_cast', arguments: { x: VALUE } });
  await client.close();
  const { calls } = await server.admin.status();
  expect(calls).toMatchObject({
    total: 3,
    success: 2,
    error: 1,
    failures: { query_failed: 1 },
    endpoints: [
      { type: 'tool', name: 'bad_cast', calls: 1, failures: 1, last_failure_code: 'query_failed' },
      { type: 'tool', name: 'fine', calls: 2, failures: 0, last_failure: null, last_failure_code: null },
    ],
  });
});

it('a call whose parameters do not fit the protocol leaves a line too', async () => {
  const server = await startPython(createProject(PROJECT));
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'fine', arguments: [VALUE] } };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(server.url, { method: 'POST', headers, body: JSON.stringify(call) });
  expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32_602 } });
  expect(server.logLines.at(-1)).toMatch(/ INFO mcp: refused: Invalid params: arguments: .* method=tools\/call\n$/);
  expect(server.logLines.join('')).not.toContain(VALUE);
});
