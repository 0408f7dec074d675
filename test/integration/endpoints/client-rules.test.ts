import { describe, expect, it } from 'vitest';
import { type Client, CLIENT_RULES, TOOL_COUNT_RULES } from '../../../src/endpoints/linting/client-rules.js';
import { CLIENTS, lintForClients, loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';
import { type ProjectFiles, TemporaryProject } from '../../kit/projects/temporary-project.js';

async function lint(files: ProjectFiles, clients: readonly Client[] = CLIENTS) {
  using project = new TemporaryProject(files);
  return lintForClients(await loadEndpoints(foldersOf(project.root)), clients).map(
    ({ client: _client, rule, location, suggestion: _suggestion, ...problem }) =>
      `${rule} ${location ?? '-'} ${formatProblem(problem)}`,
  );
}

const tool = (parameter: string, { name = 'sales', description = 'Sums the sales of a region.' } = {}) => ({
  'tools/a.yml': [
    'tool:',
    `  name: ${name}`,
    `  description: ${description}`,
    `  parameters: [${parameter}]`,
    '  source: { code: SELECT 1 AS n }',
  ],
});

/** Eleven levels: the object of all parameters, and ten more. */
const DEEP = Array.from({ length: 10 }).reduce<string>(
  (inner) => `{ type: object, properties: { a: ${inner} } }`,
  '{ type: string }',
);

/** For each rule, a project that it is about, and the findings of that rule. */
const CASES: Readonly<Record<string, readonly [ProjectFiles, readonly string[]]>> = {
  'claude-name': [
    tool('', { name: 'sales.by' }),
    ['tool.name tools/a.yml:2:3: Claude refuses all tools of the server: its name is "sales.by"'],
  ],
  'claude-members': [
    tool('{ name: f, type: object, properties: { "a b": { type: string } } }'),
    [
      'tool.parameters[0].properties.a b tools/a.yml:4:55: Claude refuses every request with this tool: it has a member "f.a b"',
    ],
  ],
  'claude-description': [
    tool('', { description: 'x'.repeat(2049) }),
    [
      'tool.description tools/a.yml:3:3: Claude cuts the description off without a word: it has 2049 characters, and 2048 are allowed',
    ],
  ],
  'openai-name': [
    tool('', { name: 'a'.repeat(65) }),
    [`tool.name tools/a.yml:2:3: OpenAI refuses every request with this tool: its name is "${'a'.repeat(65)}"`],
  ],
  'openai-description': [
    tool('', { description: 'x'.repeat(1025) }),
    [
      'tool.description tools/a.yml:3:3: OpenAI refuses every request with this tool: it has 1025 characters, and 1024 are allowed',
    ],
  ],
  'openai-depth': [
    tool(`{ name: d, ${DEEP.slice(1)}`),
    [
      expect.stringMatching(
        /OpenAI refuses this tool in strict mode: "d(?:\.a){9}" is on level 11, and 10 are allowed$/,
      ) as unknown as string,
    ],
  ],
  'openai-values': [
    tool(`{ name: v, type: string, enum: [${Array.from({ length: 1001 }, (_, index) => `v${index}`).join(', ')}] }`),
    [
      'tool tools/a.yml:1:1: OpenAI refuses this tool in strict mode: its parameters list 1001 values, and 1000 are allowed',
    ],
  ],
  'gemini-name': [
    tool('', { name: '2sales' }),
    ['tool.name tools/a.yml:2:3: Gemini refuses every request with this tool: its name is "2sales"'],
  ],
  'gemini-members': [
    tool('{ name: f, type: object, properties: { a-b: { type: string } } }'),
    [
      'tool.parameters[0].properties.a-b tools/a.yml:4:55: Gemini refuses every request with this tool: it has a member "f.a-b"',
    ],
  ],
  'gemini-format': [
    tool(
      '{ name: l, type: array, items: { type: string, format: date } }, { name: at, type: string, format: date-time }',
    ),
    [
      'tool.parameters[0].items.format tools/a.yml:4:63: Gemini refuses every request with this tool: "l[]" has the format date, and only date-time is allowed',
    ],
  ],
  'gemini-values': [
    tool(
      '{ name: q, type: integer, enum: [1, 2] }, { name: s, type: string, enum: ["", a] }, { name: t, type: string, enum: [a] }',
    ),
    [
      'tool.parameters[0].enum tools/a.yml:4:42: Gemini refuses every request with this tool: the `enum` of "q" has values of type integer',
      'tool.parameters[1].enum tools/a.yml:4:83: Gemini refuses every request with this tool: the `enum` of "s" has an empty text',
    ],
  ],
  'gemini-object': [
    tool('{ name: f, type: object }'),
    ['tool.parameters[0] tools/a.yml:4:16: Gemini refuses every request with this tool: "f" has no `properties`'],
  ],
  'gemini-items': [
    tool('{ name: l, type: array }'),
    ['tool.parameters[0] tools/a.yml:4:16: Gemini leaves out this tool: "l" does not say what it contains'],
  ],
  'gemini-keywords': [
    tool('{ name: n, type: integer, exclusiveMinimum: 0, multipleOf: 2, examples: [2] }'),
    [
      'tool.parameters[0] tools/a.yml:4:16: Gemini refuses every request with this tool, unless the client removes what it does not know: "n" has `exclusiveMinimum`, `multipleOf`, `examples`',
    ],
  ],
  'vscode-name': [
    tool('', { name: 'sales.by' }),
    ['tool.name tools/a.yml:2:3: VS Code shows this tool under another name: its name is "sales.by"'],
  ],
  'vscode-length': [
    tool('', { name: 'a'.repeat(47) }),
    ['tool.name tools/a.yml:2:3: VS Code may cut the name off: its name has 47 characters'],
  ],
  'cursor-name': [
    tool('', { name: 'a'.repeat(46) }),
    [
      'tool.name tools/a.yml:2:3: Cursor leaves out this tool if the name of the server is long: its name has 46 characters',
    ],
  ],
};

describe('the rules of clients', () => {
  it('have a case each, a source and a date', () => {
    expect(Object.keys(CASES).sort()).toEqual(CLIENT_RULES.map(({ id }) => id).sort());
    for (const { id, client, source, date } of [...CLIENT_RULES, ...TOOL_COUNT_RULES]) {
      expect(id.startsWith(`${client}-`)).toBe(true);
      expect(source).toMatch(/^https:\/\//);
      expect(date).toMatch(/^202\d-\d\d-\d\d$/);
    }
  });

  it.each(Object.entries(CASES))('%s', async (id, [files, expected]) => {
    const found = (await lint(files)).filter((line) => line.startsWith(`${id} `));
    expect(found).toEqual(expected.map((line) => (typeof line === 'string' ? `${id} ${line}` : line)));
  });

  it('find nothing in a plain tool', async () => {
    const parameters = '{ name: region, type: string, enum: [north] }, { name: year, type: integer, minimum: 2000 }';
    expect(await lint(tool(`${parameters}, { name: at, type: string, format: uri }`))).toEqual([]);
  });

  it('are only those of the chosen clients', async () => {
    expect(await lint(tool('', { name: 'sales.by' }), ['vscode'])).toHaveLength(1);
    expect(await lint(tool('', { name: 'sales.by' }), ['gemini', 'cursor'])).toEqual([]);
  });

  it('limit the number of tools', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 129 }, (_, index) => [
        `tools/${index}.yml`,
        tool('', { name: `tool_${index}` })['tools/a.yml'],
      ]),
    );
    expect(await lint(files)).toEqual([
      'openai-tools - mxcp-site.yml: OpenAI refuses every request: the project has 129 tools, and 128 are allowed',
      'vscode-tools - mxcp-site.yml: VS Code refuses every request: the project has 129 tools, and 128 are allowed',
      'cursor-tools - mxcp-site.yml: Cursor leaves out the rest: the project has 129 tools, and 80 are allowed',
    ]);
  });
});
