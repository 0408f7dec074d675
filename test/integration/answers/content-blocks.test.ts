import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminClient, readOwnerFile } from '../../../src/admin/client/index.js';
import { readAuditLines } from '../../kit/audit-lines.js';
import { connectTo, ERAS } from '../../kit/mcp-client.js';
import { callOf, post, request } from '../mcp/http-fixture.js';
import { startPython } from '../../kit/projects/python-server.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';

/** What every PNG begins with: no text, because of its first byte. */
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const WAV = Buffer.from('RIFF\x24\0\0\0WAVEfmt ', 'latin1');
const png = PNG.toString('base64');
const image = { type: 'image', mimeType: 'image/png', data: png };
const sha256 = createHash('sha256').update(PNG).digest('hex');

const PYTHON = [
  'import datetime, pathlib',
  'from mxcp.runtime import mcp',
  `PNG = bytes.fromhex("${PNG.toString('hex')}")`,
  `WAV = bytes.fromhex("${WAV.toString('hex')}")`,
  'def picture(): return mcp.Image(PNG, audience=["user"], priority=0.5, last_modified="2024-05-01T12:00:00Z")',
  'def sound(): return mcp.Audio(WAV)',
  'async def mixed():',
  '    return ["Four parts", None, mcp.Image(PNG), {"rows": 2, "day": datetime.date(2024, 1, 2)}, mcp.Audio(WAV),',
  '        mcp.Link("report://2024", "report", title="All of it", mime_type="text/csv", size=9),',
  '        mcp.Resource("notes://1", "# Notes", "text/markdown"), mcp.Resource("data://1", b"\\xff", "application/x-tar")]',
  'def large(): return [mcp.Image(PNG + bytes(200_000)), "x" * 100_000]',
  'def too_large(): return mcp.Image(PNG + bytes(20_000_000))',
  'def too_many(): return [mcp.Link("a://b")] * 1001',
  'def nested(): return {"chart": mcp.Image(PNG)}',
  'def bare(): return [mcp.Image(PNG), PNG]',
  'def typed(): return PNG',
  'def several(): return [PNG, PNG]',
  'def declared(): return mcp.Image(PNG)',
  'def other(): return mcp.Image(PNG)',
  'def no_dict(): return mcp.Image(PNG)',
  'def two(): return [mcp.Image(PNG), mcp.Image(PNG)]',
  'def file(): return mcp.Image(pathlib.Path(__file__).with_name("dot.png"))',
  'def wrong():',
  '    found = []',
  '    for make in (',
  '        lambda: mcp.Image("text"), lambda: mcp.Image(b"?"), lambda: mcp.Image(WAV), lambda: mcp.Image(PNG, "png"),',
  '        lambda: mcp.Link("no uri"), lambda: mcp.Link("a:b", size=-1), lambda: mcp.Text(1), lambda: mcp.Text("", priority=2),',
  '        lambda: mcp.Text("", audience=["model"]), lambda: mcp.Text("", last_modified="today"), lambda: mcp.Resource("a:b", 1),',
  '    ):',
  '        try: found.append(repr(make()))',
  '        except (TypeError, ValueError) as error: found.append(str(error))',
  '    return found',
];

const names = PYTHON.flatMap((line) => /^(?:async )?def (\w+)/.exec(line)?.[1] ?? []);
const RETURNS: Readonly<Record<string, string>> = {
  typed: 'return: { type: string, mime_type: image/png }',
  several: 'return: { type: array, items: { type: string, mime_type: image/png } }',
  declared: 'return: { type: string, mime_type: image/png }',
  other: 'return: { type: string, mime_type: image/jpeg }',
  two: 'return: { type: string, mime_type: image/png }',
  no_dict: 'return: { type: object }',
};

function pythonProject(files: Readonly<Record<string, readonly string[] | string>> = {}): TemporaryProject {
  const tools = names.map((name) => [
    `tools/${name}.yml`,
    pythonTool(name, 'python/content.py', RETURNS[name] === undefined ? [] : [RETURNS[name]]),
  ]);
  const project = createProject({ 'python/content.py': PYTHON, ...Object.fromEntries(tools), ...files });
  project.write('python/dot.png', PNG);
  return project;
}

async function openCaller(project: TemporaryProject, era: (typeof ERAS)[number] = 'today') {
  const server = await startPython(project);
  const client = await connectTo(server.url, { era });
  onTestFinished(() => client.close());
  return { client, call: (name: string) => client.callTool({ name, arguments: {} }) };
}

describe('content that a Python function returns', () => {
  it.each(ERAS)('becomes one content block each, without structured content (%s)', async (era) => {
    const { call } = await openCaller(pythonProject(), era);
    const annotations = { audience: ['user'], priority: 0.5, lastModified: '2024-05-01T12:00:00Z' };
    expect(await call('picture')).toMatchObject({ content: [{ ...image, annotations }] });
    expect(await call('picture')).not.toHaveProperty('structuredContent');
    expect((await call('sound')).content).toEqual([
      { type: 'audio', mimeType: 'audio/wav', data: WAV.toString('base64') },
    ]);
    expect((await call('mixed')).content).toEqual([
      { type: 'text', text: 'Four parts' },
      image,
      { type: 'text', text: '{"rows":2,"day":"2024-01-02"}' },
      { type: 'audio', mimeType: 'audio/wav', data: WAV.toString('base64') },
      {
        type: 'resource_link',
        uri: 'report://2024',
        name: 'report',
        title: 'All of it',
        mimeType: 'text/csv',
        size: 9,
      },
      { type: 'resource', resource: { uri: 'notes://1', mimeType: 'text/markdown', text: '# Notes' } },
      { type: 'resource', resource: { uri: 'data://1', mimeType: 'application/x-tar', blob: '/w==' } },
    ]);
    expect((await call('file')).content).toEqual([image]);
    const { content } = await call('large');
    const whole = Buffer.concat([PNG, Buffer.alloc(200_000)]).toString('base64');
    expect(content).toEqual([
      { type: 'image', mimeType: 'image/png', data: whole },
      { type: 'text', text: 'x'.repeat(100_000) },
    ]);
  });

  it('may be bytes, or content of the type that the endpoint declares', async () => {
    const { client, call } = await openCaller(pythonProject());
    expect((await call('typed')).content).toEqual([image]);
    expect((await call('several')).content).toEqual([image, image]);
    expect((await call('declared')).content).toEqual([image]);
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === 'typed')).not.toHaveProperty('outputSchema');
    expect(tools.find(({ name }) => name === 'no_dict')).toHaveProperty('outputSchema');
  });

  it('is refused where it does not fit, with the reason', async () => {
    const { call } = await openCaller(pythonProject());
    const failureOf = async (name: string): Promise<unknown> => {
      const { content, isError } = await call(name);
      expect(isError).toBe(true);
      return content;
    };
    const says = (text: string): unknown => [{ type: 'text', text: expect.stringContaining(text) }];
    expect(await failureOf('too_large')).toEqual(says('larger than'));
    expect(await failureOf('too_many')).toEqual(says('more than 1000 parts of content'));
    expect(await failureOf('nested')).toEqual(
      says('result.chart is of type "Image": content must be the whole result'),
    );
    expect(await failureOf('bare')).toEqual(says('result[1] is bytes without a MIME type'));
    expect(await failureOf('other')).toEqual(says('must return image/jpeg, but its function returned image/png'));
    expect(await failureOf('two')).toEqual(says('must return one value, but its function returned a list of content'));
    expect(await failureOf('no_dict')).toEqual(says('leave out `return`, or declare a `mime_type` in it'));
    expect((await call('wrong')).structuredContent).toEqual({
      result: [
        'mcp.Image() takes bytes or a pathlib.Path, not str',
        'mcp.Image() cannot tell the MIME type of this data; pass it as the second argument',
        'mcp.Image() takes data of a type image/…, not audio/wav',
        '\'png\' is no MIME type; write one such as "image/png"',
        '\'no uri\' is no URI with a scheme, such as "report://2024" or "https://example.com/a%20b"',
        '`size` must be a number of bytes, not -1',
        'mcp.Text() takes a string, not int',
        '`priority` must be a number from 0 to 1, not 2',
        '`audience` must have "user", "assistant" or both, not [\'model\']',
        '`last_modified` must be a datetime or a text such as "2024-05-01T12:00:00Z", not \'today\'',
        'mcp.Resource() takes bytes or a pathlib.Path, not int',
      ],
    });
  });
});

it('is described to the owner of the project, and whole on request', async () => {
  const project = pythonProject();
  await startPython(project);
  const { token } = readOwnerFile(project.path('data/db-dev.duckdb')) ?? {};
  const owner = new AdminClient({ socketPath: project.socketPath, ...(token !== undefined && { token }) });
  const picture = { type: 'tool', name: 'file' } as const;
  expect((await owner.run(picture)).result).toEqual([{ type: 'image', mimeType: 'image/png', bytes: 8, sha256 }]);
  expect((await owner.run({ ...picture, with_data: true })).result).toEqual([image]);
});

describe('content for a client of an older revision', () => {
  it.each([
    ['2024-11-05', 'text', 'resource'],
    ['2025-03-26', 'text', 'audio'],
    ['2025-06-18', 'resource_link', 'audio'],
  ])('has only kinds of blocks that %s knows', async (protocolVersion, link, audio) => {
    const { url } = await startPython(pythonProject());
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'old', version: '1' } };
    const opened = await post(url, request('initialize', params));
    expect(opened.body.result.protocolVersion).toBe(protocolVersion);
    const session = opened.headers.get('mcp-session-id');
    const headers = session === null ? {} : { 'mcp-session-id': session };
    const { body } = await post(url, callOf('mixed'), { headers });
    const kinds = Array.isArray(body.result.content) ? body.result.content.map(({ type }) => type) : [];
    expect(kinds).toEqual(['text', 'image', 'text', audio, link, 'resource', 'resource']);
    const text = { type: 'text', text: 'report: report://2024' };
    if (link === 'text') expect(body.result.content).toContainEqual(text);
    const document = { uri: 'mxcp://content/3', mimeType: 'audio/wav', blob: WAV.toString('base64') };
    if (audio === 'resource') expect(body.result.content).toContainEqual({ type: 'resource', resource: document });
  });
});

const POLICY = (action: string, keys = ''): readonly string[] => [
  `policies: { output: [{ condition: "true", action: ${action}${keys} }] }`,
];

describe('content under protection', () => {
  it('is recorded by its kind, type, size and hash, and never itself', async () => {
    const site = ['mxcp: 1', 'project: p', 'profile: dev', 'profiles: { dev: { audit: { enabled: true } } }'];
    const sensitive = ['return: { type: string, mime_type: image/png, sensitive: true }'];
    const project = pythonProject({
      'mxcp-site.yml': site,
      'tools/typed.yml': pythonTool('typed', 'python/content.py', sensitive),
    });
    const { call } = await openCaller(project);
    await call('picture');
    await call('typed');
    const [first, second] = await readAuditLines(project.path('audit/logs-dev.jsonl'));
    expect(first?.['output_data']).toEqual([{ type: 'image', mimeType: 'image/png', bytes: 8, sha256 }]);
    expect(second?.['output_data']).toEqual([{ type: 'image', mimeType: 'image/png', bytes: 8 }]);
    expect(JSON.stringify([first, second])).not.toContain(png);
  });

  it('is refused where a policy would change fields that it does not have, or remove what is sensitive', async () => {
    const tool = (fields: readonly string[]): readonly string[] => pythonTool('picture', 'python/content.py', fields);
    const denied = [{ type: 'text', text: expect.stringContaining('Output policy enforcement failed') }];
    for (const fields of [
      POLICY('filter_fields', ', fields: [a]'),
      POLICY('mask_fields', ', fields: [a]'),
      [...POLICY('filter_sensitive_fields'), 'return: { type: string, mime_type: image/png, sensitive: true }'],
    ]) {
      const { call } = await openCaller(pythonProject({ 'tools/picture.yml': tool(fields) }));
      expect(await call('picture')).toMatchObject({ isError: true, content: denied });
    }
  });
});

describe('content that SQL answers with', () => {
  const bytes = `from_hex('${PNG.toString('hex')}')`;
  const ROW = 'properties: { name: { type: string }, photo: { type: string, mime_type: image/png } }';
  const files = (policies: readonly string[] = []) => ({
    'tools/one.yml': sqlTool('one', `SELECT ${bytes}`, ['return: { type: string, mime_type: image/png }']),
    'tools/nothing.yml': sqlTool('nothing', 'SELECT NULL', ['return: { type: string, mime_type: image/png }']),
    'tools/drawing.yml': sqlTool('drawing', "SELECT '<svg/>'", ['return: { type: string, mime_type: image/svg+xml }']),
    'tools/document.yml': sqlTool('document', "SELECT '# Notes'", [
      'return: { type: string, mime_type: text/markdown }',
    ]),
    'tools/archive.yml': sqlTool('archive', `SELECT ${bytes}`, [
      'return: { type: string, mime_type: application/zip }',
    ]),
    'tools/row.yml': sqlTool('row', `SELECT 'Ada' AS name, ${bytes} AS photo`, [
      `return: { type: object, ${ROW} }`,
      ...policies,
    ]),
    'tools/rows.yml': sqlTool('rows', `FROM (VALUES ('Ada', ${bytes}), ('Bob', NULL)) t(name, Photo)`, [
      `return: { type: array, items: { type: object, ${ROW} } }`,
      ...policies,
    ]),
  });

  it('follows from the declared types, with the rest of a row as text before it', async () => {
    const { call } = await openCaller(createProject(files()));
    expect((await call('one')).content).toEqual([image]);
    expect((await call('nothing')).content).toEqual([{ type: 'text', text: 'null' }]);
    expect((await call('drawing')).content).toEqual([
      { type: 'image', mimeType: 'image/svg+xml', data: Buffer.from('<svg/>').toString('base64') },
    ]);
    const document = { uri: 'mxcp://tools/document', mimeType: 'text/markdown', text: '# Notes' };
    expect((await call('document')).content).toEqual([{ type: 'resource', resource: document }]);
    const archive = { uri: 'mxcp://tools/archive', mimeType: 'application/zip', blob: png };
    expect((await call('archive')).content).toEqual([{ type: 'resource', resource: archive }]);
    expect((await call('row')).content).toEqual([{ type: 'text', text: '{"name":"Ada"}' }, image]);
    const rows = await call('rows');
    expect(rows.content).toEqual([
      { type: 'text', text: '{"name":"Ada"}' },
      image,
      { type: 'text', text: '{"name":"Bob"}' },
    ]);
    expect(rows).not.toHaveProperty('structuredContent');
  });

  it('is left out or masked as policies say, field by field', async () => {
    const left = await openCaller(createProject(files(POLICY('filter_fields', ', fields: [photo]'))));
    expect((await left.call('row')).content).toEqual([{ type: 'text', text: '{"name":"Ada"}' }]);
    const masked = await openCaller(createProject(files(POLICY('mask_fields', ', fields: [photo]'))));
    const content = [
      { type: 'text', text: '{"name":"Ada"}' },
      { type: 'text', text: '****' },
    ];
    expect((await masked.call('row')).content).toEqual(content);
  });
});
