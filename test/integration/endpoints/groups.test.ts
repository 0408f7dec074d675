import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadGroupRules } from '../../../src/config/index.js';
import { findGroupProblems, findMembers, loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';
import { createProject, sqlTool, TemporaryProject, type ProjectFiles } from '../../kit/projects/temporary-project.js';

const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', 'groups:'];
const SQL_OFF = { enabled: false, externalAccess: false, severalStatements: false, descriptions: {} };

async function problemsOf(groups: readonly string[], files: ProjectFiles = {}, healthPath?: string) {
  const project = createProject({
    'mxcp-site.yml': [...SITE, ...groups.map((line) => `  ${line}`)],
    'tools/revenue.yml': sqlTool('revenue', 'SELECT 1 AS a', ['tags: [money]']),
    'tools/closed.yml': sqlTool('closed', 'SELECT 1 AS a', ['enabled: false']),
    'resources/all.yml': [
      'mxcp: 1',
      'resource: { uri: "shop://All/x y", name: everything, source: { code: SELECT 1 AS a } }',
    ],
    'prompts/greet.yml': ['mxcp: 1', 'prompt: { name: greet, messages: [{ prompt: Hello }] }'],
    ...files,
  });
  const groupRules = await loadGroupRules({ siteFile: project.path('mxcp-site.yml') });
  const catalog = await loadEndpoints(foldersOf(project.root));
  const problems = findGroupProblems({ groups: groupRules, sqlTools: SQL_OFF }, catalog, { healthPath });
  return problems.map((problem) => formatProblem({ ...problem, file: 'site' }));
}

describe('a group', () => {
  it.each([
    [
      'g: { tools: [revenu] }',
      'site:5:16: `groups.g.tools[0]`: the project has no tool "revenu"; did you mean "revenue"?',
    ],
    ['g: { tools: [greet] }', 'site:5:16: `groups.g.tools[0]`: "greet" is a prompt; list it in `prompts`'],
    [
      'g: { resources: [everything] }',
      'site:5:20: `groups.g.resources[0]`: a resource is listed by its URI; write "shop://All/x%20y"',
    ],
    ['g: { tags: [mony] }', 'site:5:15: `groups.g.tags[0]`: no endpoint has the tag "mony"; did you mean "money"?'],
    [
      'g: { tools: [execute_sql_query] }',
      'site:5:16: `groups.g.tools[0]`: "execute_sql_query" is an SQL tool; write `sql_tools: true` instead',
    ],
    ['g: { sql_tools: true }', 'site:5:3: `groups.g`: the group has no members, because the SQL tools are off'],
    [
      'g: { description: x }',
      'site:5:3: `groups.g`: the group has no members; give it `tags`, `tools`, `resources` or `prompts`',
    ],
    ['g: { tools: [closed] }', 'site:5:3: `groups.g`: the group has no members, because its endpoints are disabled'],
  ])('%s is refused with its place', async (group, problem) => {
    expect(await problemsOf([group])).toEqual([problem]);
  });

  it('at the path of the health check is refused', async () => {
    expect(await problemsOf(['g: { tags: [money] }'], {}, '/mcp/g/')).toEqual([
      'site:5:3: `groups.g`: /mcp/g/ is the `--health-path`; choose another one for it, or another name for the group',
    ]);
    expect(await problemsOf(['g: { tags: [money] }'], {}, '/mcp/health')).toEqual([]);
  });

  it('may name what is disabled or has errors, and a URI in any form', async () => {
    const files = { 'tools/broken.yml': ['mxcp: 1', 'tool: { name: broken }'] };
    const lines = ['g: { tools: [revenue, closed, broken], resources: ["SHOP://all/x%20y"], prompts: [greet] }'];
    expect(await problemsOf(lines, files)).toEqual([]);
  });

  it.each(['Sales', '-x', 'a b', 'a/b', 'x'.repeat(64)])('is not named "%s"', async (name) => {
    await expect(problemsOf([`"${name}": { tags: [money] }`])).rejects.toThrow(
      'must have a name of at most 63 of a-z, 0-9',
    );
  });
});

it('has as members exactly what has one of its tags or is in its lists', async () => {
  const names = ['a', 'b', 'c', 'd'] as const;
  const tags = fc.subarray(['x', 'y', 'z']);
  const kinds = ['tool', 'resource', 'prompt'] as const;
  const anyEndpoint = fc.record({ kind: fc.constantFrom(...kinds), name: fc.constantFrom(...names), tags });
  const anyGroup = fc.record({
    tags,
    tools: fc.subarray([...names]),
    resources: fc.subarray([...names]),
    prompts: fc.subarray([...names]),
    sql: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(anyEndpoint, { selector: ({ kind, name }) => `${kind}/${name}`, maxLength: 8 }),
      anyGroup,
      async (endpoints, group) => {
        const uris = group.resources.map((name) => `s://${name}`);
        const { sql: sql_tools, ...lists } = group;
        using project = new TemporaryProject({
          'mxcp-site.yml': [...SITE, `  g: ${JSON.stringify({ ...lists, resources: uris, sql_tools })}`],
          ...Object.fromEntries(endpoints.map((each) => [`${each.kind}s/${each.name}.yml`, fileOf(each)])),
        });
        const rule = (await loadGroupRules({ siteFile: project.path('mxcp-site.yml') })).get('g');
        if (rule === undefined) throw new Error('no group');
        const { endpoints: loaded } = await loadEndpoints(foldersOf(project.root));
        const members = findMembers(rule, loaded, true);
        const expected = (kind: (typeof kinds)[number], listed: readonly string[]) =>
          endpoints
            .filter((each) => each.kind === kind)
            .filter((each) => listed.includes(each.name) || each.tags.some((tag) => group.tags.includes(tag)))
            .map(({ name }) => name);
        const sqlTools = sql_tools ? ['execute_sql_query', 'get_table_schema', 'list_tables'] : [];
        expect([...members.tools].sort()).toEqual([...expected('tool', group.tools), ...sqlTools].sort());
        expect([...members.resources].sort()).toEqual(
          expected('resource', group.resources)
            .map((name) => `s://${name}`)
            .sort(),
        );
        expect([...members.prompts].sort()).toEqual(expected('prompt', group.prompts).sort());
      },
    ),
    { numRuns: 30 },
  );
});

function fileOf(endpoint: { readonly kind: string; readonly name: string; readonly tags: readonly string[] }) {
  const { kind, name, tags } = endpoint;
  const shared = { tags: [...tags] };
  const rest = {
    tool: { name, ...shared, source: { code: 'SELECT 1 AS a' } },
    resource: { uri: `s://${name}`, ...shared, source: { code: 'SELECT 1 AS a' } },
    prompt: { name, ...shared, messages: [{ prompt: 'Hello' }] },
  }[kind];
  return ['mxcp: 1', `${kind}: ${JSON.stringify(rest)}`];
}
