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
