import { expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const member = (type: string) => ['return:', '  type: object', `  properties: { v: ${type} }`];

it('a client that compiles schemas lists all tools, whatever one of them declares', async () => {
  using project = new TemporaryProject({
    'tools/a.yml': sqlTool(
      'a',
      "SELECT 'example.com' AS v",
      member(String.raw`{ type: string, pattern: '^[\w-.]+$' }`),
    ),
    'tools/b.yml': sqlTool(
      'b',
      "SELECT INTERVAL '-4 hours 6.789 seconds' AS v",
      member('{ type: string, format: duration }'),
    ),
    'tools/c.yml': sqlTool('c', "SELECT 'x:[' AS v", member('{ type: string, format: uri }')),
    'tools/d.yml': sqlTool('d', 'SELECT 9007199254740993 AS v', member('{ type: integer }')),
    'tools/e.yml': sqlTool('e', 'SELECT [1, NULL] AS v', member('{ type: array }')),
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
  const values = [];
  for (const { name } of tools) values.push((await client.callTool({ name })).structuredContent);
  expect(values).toEqual([
    { v: 'example.com' },
    { v: 'PT-3H-59M-53.211S' },
    { v: 'x:[' },
    { v: '9007199254740993' },
    { v: [1, null] },
  ]);
  await client.close();
});

it('a resource is listed in the form that clients normalize its URI to, and read in every equivalent spelling', async () => {
  const resource = (uri: string, code: string, ...lines: readonly string[]) => [
    'resource:',
    `  uri: "${uri}"`,
    '  return: { type: string }',
    `  source: { code: "${code}" }`,
    ...lines,
  ];
  using project = new TemporaryProject({
    'resources/menu.yml': resource('docs://café/menu', "SELECT 'soup'"),
    'resources/report.yml': resource('file:///data/my report.csv', "SELECT 'a,b'"),
    'resources/street.yml': resource(
      'docs://straße/{n}',
      "SELECT 'house ' || $n",
      '  parameters: [{ name: n, type: string }]',
    ),
    'resources/upper.yml': resource('Docs://Upper/x', "SELECT 'upper'"),
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  const { resources } = await client.listResources();
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resources.map(({ uri }) => uri)).toEqual([
    'docs://caf%C3%A9/menu',
    'file:///data/my%20report.csv',
    'docs://Upper/x',
  ]);
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['docs://stra%C3%9Fe/{n}']);
  const spellings = {
    soup: ['docs://café/menu', 'docs://caf%C3%A9/menu', 'DOCS://caf%c3%a9/%6denu'],
    'a,b': ['file:///data/my report.csv', 'file:///data/my%20report.csv', 'file:///data/./x/../my%20report.csv'],
    'house 5': ['docs://straße/5', 'docs://stra%C3%9Fe/5', 'docs://stra%c3%9fe/%35'],
    upper: ['Docs://Upper/x', 'docs://Upper/x', 'docs://upper/x'],
  };
  for (const [text, uris] of Object.entries(spellings))
    for (const uri of uris)
      expect((await client.readResource({ uri })).contents).toEqual([{ uri, text, mimeType: 'text/plain' }]);
  await client.close();
});
