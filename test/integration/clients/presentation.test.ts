import { expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { createProject } from '../../kit/projects/temporary-project.js';

it('clients read in the description of an argument of a prompt what text it must be', async () => {
  const parameters = [
    '{ name: topic, type: string, description: What it is about }',
    '{ name: day, type: string, format: date, description: "The day. " }',
    '{ name: carriers, type: array, items: { type: string } }',
    '{ name: counts, type: array, items: { type: integer }, examples: [[3, 4]] }',
    '{ name: filter, type: object, properties: { origin: { type: string }, late: { type: boolean } } }',
    '{ name: tone, type: string, enum: [formal, short] }',
    '{ name: n, type: integer }',
    '{ name: loud, type: boolean, default: false }',
  ];
  const project = createProject({
    'prompts/p.yml': [
      'mxcp: 1',
      `prompt: { name: p, parameters: [${parameters.join(', ')}], messages: [{ prompt: "{{ topic }}" }] }`,
    ],
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  const [prompt] = (await client.listPrompts()).prompts;
  expect(prompt?.arguments?.map(({ description }) => description)).toEqual([
    'What it is about',
    'The day (a date, as 2024-12-31).',
    'a list as JSON, as ["…"].',
    'a list as JSON, as [3,4].',
    'an object as JSON, as {"origin":"…","late":true}.',
    'one of formal, short.',
    'a whole number.',
    'true or false.',
  ]);
  await client.close();
});

it('clients see the titles of a project and its endpoints, and its instructions', async () => {
  const project = createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'title: The Shop',
      'instructions: Call regions first.',
    ],
    'tools/a.yml': ['mxcp: 1', 'tool: { name: a, title: Tool A, source: { code: SELECT 1 AS a } }'],
    'tools/b.yml': ['mxcp: 1', 'tool: { name: b, annotations: { title: Tool B }, source: { code: SELECT 1 AS a } }'],
    'resources/r.yml': ['mxcp: 1', 'resource: { uri: "x://r", title: Resource R, source: { code: SELECT 1 AS a } }'],
    'prompts/p.yml': ['mxcp: 1', 'prompt: { name: p, title: Prompt P, messages: [{ prompt: Hello }] }'],
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  expect(client.getServerVersion()).toMatchObject({ name: 'shop', title: 'The Shop' });
  expect(client.getInstructions()).toBe('Call regions first.');
  const { tools } = await client.listTools();
  expect(tools.map(({ title }) => title)).toEqual(['Tool A', 'Tool B']);
  expect((await client.listResources()).resources).toMatchObject([{ uri: 'x://r', title: 'Resource R' }]);
  expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'p', title: 'Prompt P' }]);
  await client.close();
});

const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
const PNG_URI = 'data:image/png;base64,iVBORw0KGgo=';

it('clients see the icons, the page and the annotations of a project', async () => {
  const project = createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'description: Sells tea.',
      'website_url: https://example.com/shop',
      'icons: [images/shop.png, { src: "https://example.com/i.svg", mime_type: image/svg+xml, sizes: [any], theme: dark }]',
    ],
    'images/shop.png': PNG,
    'tools/a.yml': ['mxcp: 1', 'tool: { name: a, icons: [../images/shop.png], source: { code: SELECT 1 AS a } }'],
    'resources/r.yml': [
      'mxcp: 1',
      'resource:',
      '  uri: x://r',
      `  icons: ["${PNG_URI}"]`,
      '  annotations: { audience: [user], priority: 0.5, lastModified: "2026-01-31T09:00:00Z" }',
      '  source: { code: SELECT 1 AS a }',
    ],
    'prompts/p.yml': ['mxcp: 1', 'prompt: { name: p, icons: [/images/shop.png], messages: [{ prompt: Hello }] }'],
  });
  await using server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  expect(client.getServerVersion()).toMatchObject({
    description: 'Sells tea.',
    websiteUrl: 'https://example.com/shop',
    icons: [
      { src: PNG_URI, mimeType: 'image/png' },
      { src: 'https://example.com/i.svg', mimeType: 'image/svg+xml', sizes: ['any'], theme: 'dark' },
    ],
  });
  const icons = [{ src: PNG_URI, mimeType: 'image/png' }];
  expect((await client.listTools()).tools).toMatchObject([{ name: 'a', icons }]);
  expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'p', icons }]);
  expect((await client.listResources()).resources).toMatchObject([
    {
      icons: [{ src: PNG_URI }],
      annotations: { audience: ['user'], priority: 0.5, lastModified: '2026-01-31T09:00:00Z' },
    },
  ]);
  await client.close();
});

it('a reload of the definitions shows the new image of an endpoint', async () => {
  const project = createProject({
    'images/a.png': PNG,
    'tools/a.yml': ['mxcp: 1', 'tool: { name: a, icons: [/images/a.png], source: { code: SELECT 1 AS a } }'],
  });
  await using server = await InProcessServer.start(project);
  project.write('images/a.png', Buffer.from('other'));
  expect(await server.admin.reload({ definitions: true, waitMs: 20_000 })).toMatchObject({
    definitions_changed: ['tools/a.yml: changed'],
  });
  const client = await connectTo(server.url);
  expect((await client.listTools()).tools[0]?.icons?.[0]?.src).toBe('data:image/png;base64,b3RoZXI=');
  await client.close();
});

it.each([
  ['images/none.png', 'the image images/none.png does not exist'],
  ['../../up.png', 'the image ../../up.png is outside the project'],
  ['images/empty.png', 'the image images/empty.png is empty'],
  ['images/large.png', 'the image images/large.png is larger than 65536 bytes'],
  ['images/note.txt', 'must be a PNG, JPEG, SVG or WebP image'],
  ['http://example.com/i.png', 'must be an `https://` URL, a `data:` URI or the path of an image of the project'],
  ['data:text/html;base64,AAAA', 'must be an image in base 64, as in "data:image/png;base64,…"'],
])('a server does not start with the icon %s', async (icon, reason) => {
  const project = createProject({
    'mxcp-site.yml': ['mxcp: 1', 'project: shop', 'profile: dev', `icons: ["${icon}"]`],
    'images/empty.png': '',
    'images/large.png': Buffer.alloc(65_537),
    'images/note.txt': 'no image',
  });
  await expect(InProcessServer.start(project)).rejects.toThrow(reason);
});
