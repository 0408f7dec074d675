import { describe, expect, it, onTestFinished } from 'vitest';
import { readAuditLines } from '../../kit/audit-lines.js';
import { connectTo, ERAS } from '../../kit/mcp-client.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { problemsOf } from '../../kit/projects/endpoint-project.js';
import { createProject, type TemporaryProject } from '../../kit/projects/temporary-project.js';

/** What every PNG begins with: no text, because of its first byte. */
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const png = PNG.toString('base64');

function prompt(name: string, messages: readonly string[], fields: readonly string[] = []): readonly string[] {
  const lines = messages.map((message) => `    - ${message}`);
  return ['mxcp: 1', 'prompt:', `  name: ${name}`, ...fields.map((field) => `  ${field}`), '  messages:', ...lines];
}

function resource(uri: string, mimeType: string, sql: string, fields: readonly string[] = []): readonly string[] {
  const [, parameter] = /\{(\w+)\}/.exec(uri) ?? [];
  const parameters = parameter === undefined ? [] : [`  parameters: [{ name: ${parameter}, type: string }]`];
  const source = ['  source:', '    code: |', `      ${sql}`];
  const more = fields.map((field) => `  ${field}`);
  return ['mxcp: 1', 'resource:', `  uri: "${uri}"`, `  mime_type: ${mimeType}`, ...parameters, ...more, ...source];
}

const TEXT = 'return: { type: string }';

function promptProject(files: Readonly<Record<string, readonly string[]>> = {}): TemporaryProject {
  const project = createProject({
    'assets/notes.md': ['# Notes'],
    'prompts/files.yml': prompt(
      'files',
      [
        'prompt: Look at these.',
        '{ role: assistant, type: image, file: /assets/dot.png, annotations: { audience: [user], priority: 0.5 } }',
        '{ type: resource, file: ../assets/notes.md }',
        '{ type: resource, file: ../assets/dot.png, uri: "dots://{{ n }}" }',
        '{ type: resource_link, uri: "https://example.com/{{ n }}", name: more, mime_type: text/html }',
      ],
      ['parameters: [{ name: n, type: integer }]'],
    ),
    'prompts/templates.yml': prompt(
      'templates',
      [
        '{ type: image, mime_type: image/png, prompt: "{{ data }}" }',
        '{ type: resource, uri: "text://{{ data | urlencode }}", mime_type: text/plain, prompt: "got {{ data }}" }',
      ],
      ['parameters: [{ name: data, type: string }]'],
    ),
    'prompts/embeds.yml': prompt(
      'embeds',
      ['{ type: resource, uri: "{{ uri }}" }'],
      ['parameters: [{ name: uri, type: string }]'],
    ),
    'prompts/picture.yml': prompt(
      'picture',
      ['{ type: image, uri: "{{ uri }}" }'],
      ['parameters: [{ name: uri, type: string }]'],
    ),
    'resources/region.yml': resource(
      'sales://{region}',
      'text/plain',
      "SELECT 'sales of ' || $region WHERE $region <> 'none'",
      [TEXT],
    ),
    'resources/chart.yml': resource('chart://one', 'image/png', `SELECT from_hex('${PNG.toString('hex')}')`, [TEXT]),
    'resources/staff.yml': resource('staff://all', 'text/plain', "SELECT 'Ada, Bob'", [
      'return: { type: string, sensitive: true }',
      'rate_limit: { calls: 2, per: 1m }',
      'policies: { input: [{ condition: "user.role == \'guest\'", action: deny, reason: no guests }] }',
    ]),
    ...files,
  });
  project.write('assets/dot.png', PNG);
  return project;
}

async function open(project: TemporaryProject, era: (typeof ERAS)[number] = 'today') {
  const server = await InProcessServer.start(project);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const client = await connectTo(server.url, { era });
  onTestFinished(() => client.close());
  const get = async (name: string, given: Readonly<Record<string, string>>) =>
    (await client.getPrompt({ name, arguments: { ...given } })).messages;
  return { server, get };
}

describe('a message of a prompt', () => {
  it.each(ERAS)('is an image, a document or a link, from files and templates (%s)', async (era) => {
    const { get } = await open(promptProject(), era);
    const annotations = { audience: ['user'], priority: 0.5 };
    expect(await get('files', { n: '7' })).toEqual([
      { role: 'user', content: { type: 'text', text: 'Look at these.' } },
      { role: 'assistant', content: { type: 'image', mimeType: 'image/png', data: png, annotations } },
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: { uri: 'mxcp://prompts/files/3', mimeType: 'text/markdown', text: '# Notes\n' },
        },
      },
      { role: 'user', content: { type: 'resource', resource: { uri: 'dots://7', mimeType: 'image/png', blob: png } } },
      {
        role: 'user',
        content: { type: 'resource_link', uri: 'https://example.com/7', name: 'more', mimeType: 'text/html' },
      },
    ]);
    const [image, document] = await get('templates', { data: png });
    expect(image?.content).toEqual({ type: 'image', mimeType: 'image/png', data: png });
    const uri = `text://${encodeURIComponent(png)}`;
    expect(document?.content).toMatchObject({ resource: { uri, mimeType: 'text/plain', text: `got ${png}` } });
    await expect(get('templates', { data: 'no base64!' })).rejects.toThrow('its text is no image data in base64');
  });

  it('is what a resource of this server answers to the caller', async () => {
    const { get } = await open(promptProject());
    const embedded = { uri: 'sales://north', mimeType: 'text/plain', text: 'sales of north' };
    expect(await get('embeds', { uri: 'sales://north' })).toEqual([
      { role: 'user', content: { type: 'resource', resource: embedded } },
    ]);
    const image = { type: 'image', mimeType: 'image/png', data: png };
    expect(await get('picture', { uri: 'chart://one' })).toEqual([{ role: 'user', content: image }]);
    await expect(get('picture', { uri: 'sales://north' })).rejects.toThrow('the resource sales://north is text/plain');
    await expect(get('embeds', { uri: 'sales://none' })).rejects.toThrow('embeds a resource that does not exist');
    await expect(get('embeds', { uri: 'other://x' })).rejects.toThrow('embeds a resource that does not exist');
  });

  it('has the limits, the policies and the audit of the resource that it embeds', async () => {
    const site = ['mxcp: 1', 'project: p', 'profile: dev', 'profiles: { dev: { audit: { enabled: true } } }'];
    const denied = resource('closed://all', 'text/plain', "SELECT 'x'", [
      TEXT,
      'policies: { input: [{ condition: "user.role != \'admin\'", action: deny, reason: only admins }] }',
    ]);
    const project = promptProject({ 'mxcp-site.yml': site, 'resources/closed.yml': denied });
    const { get } = await open(project);
    await expect(get('embeds', { uri: 'closed://all' })).rejects.toThrow('only admins');
    await get('embeds', { uri: 'staff://all' });
    await get('embeds', { uri: 'staff://all' });
    await expect(get('embeds', { uri: 'staff://all' })).rejects.toThrow('too many');
    const lines = await readAuditLines(project.path('audit/logs-dev.jsonl'));
    expect(lines.map((line) => [line['error_code'], line['policy_decision'], line['output_data']])).toEqual([
      ['policy_denied', 'deny', null],
      [null, 'allow', [{ role: 'user', type: 'resource', mimeType: 'text/plain', bytes: 8 }]],
      [null, 'allow', [{ role: 'user', type: 'resource', mimeType: 'text/plain', bytes: 8 }]],
      ['rate_limited', 'deny', null],
    ]);
  });

  it('holds its file as it was when the definitions were read', async () => {
    const project = promptProject();
    const { server, get } = await open(project);
    const textOf = async () => JSON.stringify(await get('files', { n: '1' }));
    project.write('assets/notes.md', ['# Other']);
    expect(await textOf()).toContain('# Notes');
    await server.admin.reload({ waitMs: 10_000, definitions: true });
    expect(await textOf()).toContain('# Other');
  });
});

describe('a message that cannot be delivered is refused when its file is read', () => {
  it.each([
    ['{ type: text }', 7, 'a message of type text needs `prompt`, its text'],
    ['{ type: video, prompt: a }', 9, '`type` must be one of text, image, audio, resource, resource_link, not "video"'],
    ['{ prompt: a, file: b }', 20, '`file` has no place in a message of type text'],
    ['{ type: image }', 7, 'a message of type image needs one of `file`, `uri` and `prompt`'],
    ['{ type: image, prompt: a }', 22, 'the text of `prompt` is image data in base64; add its `mime_type`'],
    ['{ type: image, file: gone.png }', 22, 'the file prompts/gone.png does not exist'],
    ['{ type: image, file: ../../x.png }', 22, '"../../x.png" is outside the project; move it into the project'],
    ['{ type: image, file: a.yml }', 22, 'prompts/a.yml is application/yaml, but the message has `type: image`'],
    [
      '{ type: audio, uri: "a:b", mime_type: audio/wav }',
      34,
      'the resource with this `uri` says itself of which type it is',
    ],
    [
      '{ type: audio, prompt: a, mime_type: image/png }',
      33,
      'a message of type audio needs a type audio/…, not image/png',
    ],
    [
      '{ type: resource, prompt: a }',
      7,
      'a message of type resource needs `file`, or the `uri` of a resource of this server',
    ],
    ['{ type: resource_link, name: a }', 7, 'a message of type resource_link needs `uri`'],
    ['{ type: resource, uri: "a:{{ b }}" }', 25, 'the template reads "b", which is not a declared parameter'],
    ['{ type: resource, file: a.yml, prompt: a }', 38, 'a message has either `file` or `prompt`; keep one'],
    ['{ prompt: a, annotations: { priority: 2 } }', 35, '`prompt.messages[0].annotations.priority` must be at most 1'],
  ])('%s', async (message, column, problem) => {
    const [found] = await problemsOf('prompts/a.yml', prompt('a', [message]).slice(1));
    expect(found).toContain(`prompts/a.yml:4:${column}: ${problem}`);
  });
});
