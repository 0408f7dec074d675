import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { readAuditLines } from '../../kit/audit-lines.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo, ERAS } from '../../kit/mcp-client.js';
import { createProject, type ProjectFiles, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { problemsOf } from '../../kit/projects/endpoint-project.js';

const SITE = [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'profiles:',
  '  dev:',
  '    duckdb: { path: shop.duckdb }',
  '    audit: { enabled: true }',
];
const PROTECT = ['    protect: { tables: [{ table: towns, rows: "country = \'de\'" }] }'];

const prompt = (...fields: readonly string[]): readonly string[] => [
  'mxcp: 1',
  'prompt:',
  '  name: report',
  ...fields.map((field) => `  ${field}`),
  '  messages: [{ prompt: "{{ country }} {{ town }} {{ tone }} {{ loud }} {{ n }}" }]',
];
/** Leaves out what a message reads of other parameters. */
const onlyReads = (parameter: string) => (line: string) =>
  line.replace(/\{\{ (\w+) \}\}/g, (tag, name) => (name === parameter ? tag : ''));
const PARAMETERS = [
  'parameters:',
  '  - { name: country, type: string, complete: SELECT DISTINCT country FROM towns ORDER BY ALL }',
  '  - name: town',
  '    type: string',
  '    complete: |',
  '      SELECT name FROM towns',
  "      WHERE name ILIKE $prefix || '%' AND ($country IS NULL OR country = $country)",
  '      ORDER BY name',
  '  - { name: tone, type: string, enum: [formal, friendly, short] }',
  '  - { name: loud, type: boolean, default: false }',
  '  - { name: n, type: integer, complete: FROM range(250) }',
];
const RESOURCE = [
  'mxcp: 1',
  'resource:',
  '  uri: towns://{country}/{name}',
  '  parameters:',
  '    - { name: country, type: string, enum: [de, dk] }',
  '    - { name: name, type: string, complete: "SELECT name FROM towns WHERE country = $country ORDER BY name" }',
  '  source: { code: SELECT * FROM towns WHERE country = $country AND name = $name }',
];

async function createTowns(files: ProjectFiles = {}): Promise<TemporaryProject> {
  const project = createProject({
    'mxcp-site.yml': SITE,
    'prompts/report.yml': prompt(...PARAMETERS),
    'resources/town.yml': RESOURCE,
    ...files,
  });
  await createDatabaseFile(
    project.path('shop.duckdb'),
    'CREATE TABLE towns(name TEXT, country TEXT)',
    "INSERT INTO towns VALUES ('Aachen','de'),('Aalborg','dk'),('aalen','de'),('Bonn','de'),(NULL,'de')",
  );
  return project;
}

const PROMPT = { type: 'ref/prompt', name: 'report' } as const;
const TOWN = { type: 'ref/resource', uri: 'towns://{country}/{name}' } as const;

async function complete(client: Client, name: string, value: string, known: Readonly<Record<string, string>> = {}) {
  const { completion } = await client.complete({
    ref: PROMPT,
    argument: { name, value },
    context: { arguments: known },
  });
  return completion;
}

describe.each(ERAS)('completion for a client of the era "%s"', (era) => {
  it('finds values by SQL, from lists and with the other arguments', async () => {
    const project = await createTowns();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era });
    expect(client.getServerCapabilities()).toMatchObject({ completions: {} });
    expect(await complete(client, 'country', 'D')).toEqual({ values: ['de', 'dk'], total: 2, hasMore: false });
    expect(await complete(client, 'country', 'dk')).toMatchObject({ values: ['dk'] });
    expect(await complete(client, 'town', 'AA')).toMatchObject({ values: ['Aachen', 'Aalborg', 'aalen'] });
    expect(await complete(client, 'town', 'a', { country: 'dk' })).toMatchObject({ values: ['Aalborg'] });
    expect(await complete(client, 'town', "'; DROP TABLE towns; --")).toMatchObject({ values: [] });
    expect(await complete(client, 'tone', 'f')).toMatchObject({ values: ['formal', 'friendly'] });
    expect(await complete(client, 'loud', '')).toMatchObject({ values: ['true', 'false'] });
    const town = { ref: TOWN, context: { arguments: { country: 'de' } } };
    expect(await client.complete({ ...town, argument: { name: 'name', value: 'a' } })).toMatchObject({
      completion: { values: ['Aachen', 'aalen'], total: 2, hasMore: false },
    });
    await client.close();
  });

  it('gives at most 100 values and says that there are more', async () => {
    const project = await createTowns();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era });
    const all = await complete(client, 'n', '');
    expect(all.values).toHaveLength(100);
    expect(all).toMatchObject({ hasMore: true });
    expect(all).not.toHaveProperty('total');
    const some = await complete(client, 'n', '24');
    expect(some).toEqual({
      values: ['24', ...Array.from({ length: 10 }, (_value, index) => `24${index}`)],
      total: 11,
      hasMore: false,
    });
    await client.close();
  });

  it('refuses what does not exist', async () => {
    const project = await createTowns();
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url, { era });
    await expect(complete(client, 'twon', '')).rejects.toThrow('has no argument "twon"; did you mean "town"?');
    const argument = { name: 'a', value: '' };
    await expect(client.complete({ ref: { type: 'ref/prompt', name: 'x' }, argument })).rejects.toThrow(
      'Unknown prompt: x',
    );
    await expect(client.complete({ ref: { type: 'ref/resource', uri: 'x://{a}' }, argument })).rejects.toThrow(
      'Resource not found: x://{a}',
    );
    await client.close();
  });
});

describe('completion', () => {
  it('shows only the rows that the caller may see', async () => {
    const project = await createTowns({ 'mxcp-site.yml': [...SITE, ...PROTECT] });
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    expect(await complete(client, 'town', 'a')).toMatchObject({ values: ['Aachen', 'aalen'] });
    await client.close();
  });

  it('is refused where a policy refuses the caller, and where one reads an argument that is not there yet', async () => {
    const admins = 'policies: { input: [{ condition: \'country != "de"\', action: deny, reason: only Germany }] }';
    const project = await createTowns({ 'prompts/report.yml': prompt(...PARAMETERS, admins) });
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await expect(complete(client, 'town', 'a')).rejects.toThrow('only Germany');
    expect(await complete(client, 'town', 'a', { country: 'de' })).toMatchObject({ values: ['Aachen', 'aalen'] });
    await client.close();
    expect(await readAuditLines(project.path('audit/logs-dev.jsonl'))).toMatchObject([
      { operation_type: 'completion', operation_name: 'report', error_code: 'policy_denied', policy_decision: 'deny' },
      { operation_type: 'completion', input_data: { country: 'de', town: 'a' }, output_data: ['Aachen', 'aalen'] },
    ]);
  });

  it('is recorded without what is sensitive', async () => {
    const parameters = 'parameters: [{ name: town, type: string, sensitive: true, complete: SELECT name FROM towns }]';
    const project = await createTowns({ 'prompts/report.yml': prompt(parameters).map(onlyReads('town')) });
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await complete(client, 'town', 'aac');
    await client.close();
    const [record] = await readAuditLines(project.path('audit/logs-dev.jsonl'));
    expect(record).toMatchObject({ input_data: { town: '[redacted]' }, output_data: '[redacted]' });
  });

  it('does not use up the limit of calls', async () => {
    const project = await createTowns({
      'prompts/report.yml': prompt(...PARAMETERS, 'rate_limit: { calls: 1, per: 1h }'),
    });
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    for (const typed of ['f', 'fo', 'for']) await complete(client, 'tone', typed);
    const given = { country: 'de', town: 'Bonn', tone: 'short', n: '1' };
    await client.getPrompt({ name: 'report', arguments: given });
    await expect(client.getPrompt({ name: 'report', arguments: given })).rejects.toThrow('too many calls');
    await client.close();
  });

  it('is not counted as a call, and a failure is logged', async () => {
    const failing = prompt('parameters: [{ name: country, type: string, complete: "SELECT error(\'no luck\') AS e" }]');
    const project = await createTowns({ 'prompts/report.yml': failing.map(onlyReads('country')) });
    await using server = await InProcessServer.start(project);
    const client = await connectTo(server.url);
    await expect(complete(client, 'country', 'd')).rejects.toThrow('no luck');
    await client.close();
    expect(server.logLines.join('\n')).toContain('no luck');
  });
});

describe('SQL of completions is checked', () => {
  const refusal = async (parameter: string): Promise<string> => {
    const message = prompt(`parameters: [${parameter}]`).map(onlyReads('country'));
    const project = await createTowns({ 'prompts/report.yml': message });
    return InProcessServer.start(project).then(
      () => 'started',
      (error: unknown) => String(error),
    );
  };

  it.each([
    ['SELEC 1', 'the SQL does not compile'],
    ['SELECT nmae FROM towns', 'nmae'],
    ['SELECT 1 AS a, 2 AS b', 'the SQL must give one column, the values, and gives 2'],
    ['SELECT $countri', 'the SQL uses $countri, which is not a declared parameter; did you mean "country"?'],
    ['DELETE FROM towns', 'the SQL does not compile'],
    ['SELECT 1; SELECT 2', 'the SQL does not compile'],
  ])('%s', async (sql, reason) => {
    expect(await refusal(`{ name: country, type: string, complete: "${sql}" }`)).toContain(reason);
  });

  it('and belongs to prompts and resources', async () => {
    const tool = [
      'mxcp: 1',
      'tool: { name: t, parameters: [{ name: a, type: string, complete: SELECT 1 }], source: { code: SELECT $a } }',
    ];
    expect(await problemsOf('tools/t.yml', tool)).toEqual([
      expect.stringContaining('clients complete arguments of prompts and resources only; remove it'),
    ]);
  });

  it('and what was typed is no other parameter', async () => {
    const parameters =
      'parameters: [{ name: prefix, type: string }, { name: country, type: string, complete: SELECT 1 }]';
    const file = [
      'mxcp: 1',
      `prompt: { name: p, ${parameters}, messages: [{ prompt: "{{ prefix }} {{ country }}" }] }`,
    ];
    expect(await problemsOf('prompts/p.yml', file)).toEqual([expect.stringContaining('$prefix is what was typed')]);
  });
});
