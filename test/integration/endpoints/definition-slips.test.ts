import { describe, expect, it } from 'vitest';
import { loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { foldersOf, problemsOf, warningsOf } from '../../kit/projects/endpoint-project.js';

/** What is said of the one wrong line in a sound tool, without its place. */
async function said(...lines: readonly string[]): Promise<string> {
  const sound = ['tool:', '  name: t', '  source: { code: SELECT $carrier }'];
  const problems = await problemsOf('tools/a.yml', [...sound, ...lines]);
  return problems.map((problem) => problem.replace(/^tools\/a\.yml:\d+:\d+: /, '')).join(' | ');
}

describe('a common slip in an endpoint file is answered with what to write', () => {
  const typeNames = 'string, number, integer, boolean, array, object';

  it.each([
    ['date', 'string, format: date'],
    ['datetime', 'string, format: date-time'],
    ['timestamp', 'string, format: date-time'],
    ['str', 'string'],
    ['int', 'integer'],
    ['BIGINT', 'integer'],
    ['float', 'number'],
    ['bool', 'boolean'],
    ['list', 'array'],
    ['dict', 'object'],
  ])('type: %s', async (written, meant) => {
    expect(await said(`  parameters: [{ name: carrier, type: ${written} }]`)).toContain(
      `must be one of ${typeNames}, not "${written}"; write \`type: ${meant}\``,
    );
  });

  it.each([
    ['{ name: carrier, type: [string, "null"] }', 'not a list; a value has one type; results may be null anyway'],
    ['{ name: carrier, type: string, required: true }', 'a parameter is required unless it has a `default`'],
    ['{ name: carrier, type: integer, min: 1 }', 'unknown key `min` in `tool.parameters[0]`; did you mean `minimum`?'],
    ['{ name: carrier, type: integer, max: 1 }', 'did you mean `maximum`?'],
    ['{ name: carrier, type: string, desc: x }', 'did you mean `description`?'],
    ['{ name: carrier, type: string, choices: [a] }', 'did you mean `enum`?'],
    ['{ name: carrier, type: string, optional: true }', 'did you mean `default: null`?'],
    ['{ name: carrier, type: array, items: string }', 'not "string"; write `{ type: string }`'],
    ['{ name: carrier, type: array, items: int }', 'not "int"; write `{ type: integer }`'],
    ['{ name: carrier, type: string, examples: UA }', 'must be a list (`- item` lines), not "UA"'],
    ['{ name: carrier, type: object, properties: [a] }', 'not a list; write each member as `name: { type: … }`'],
    ['carrier', 'not "carrier"; write `{ name: carrier, type: … }`'],
  ])('parameters: [%s]', async (parameter, expected) => {
    expect(await said(`  parameters: [${parameter}]`)).toContain(expected);
  });

  it.each([
    ['parameters: { carrier: { type: string } }', 'not a mapping; begin each parameter with `- name: carrier`'],
    ['return: array', 'not "array"; write `{ type: array }`'],
    ['params: []', 'did you mean `parameters`?'],
    ['sql: SELECT 1', 'did you mean `source: { code: … }`?'],
    ['tests: [{ name: t, arguments: { a: 1 } }]', 'not a mapping; write each argument as `- { key: …, value: … }`'],
  ])('%s', async (line, expected) => {
    expect(await said(`  ${line}`)).toContain(expected);
  });

  it.each([
    [['tool:', 'name: a', 'source: { code: SELECT 1 }'], '1:1: `tool` is empty; indent its keys below it'],
    [['tools:', '  name: a'], '1:1: the file has no `tool`; it has `tools`; write `tool` instead of `tools`'],
    [
      ['name: a', 'source: { code: SELECT 1 }'],
      '1:1: the file has no `tool`; it has `name`, `source`; write `tool:` above these keys, and indent them',
    ],
  ])('keys that are not below their kind: %j', async (lines, expected) => {
    expect(await problemsOf('tools/a.yml', lines)).toEqual([`tools/a.yml:${expected}`]);
  });

  it('SQL with a comma between braces', async () => {
    const tool = ['tool:', '  name: t', '  source: { code: SELECT id, title FROM books }'];
    expect(await problemsOf('tools/a.yml', tool)).toEqual([
      'tools/a.yml:3:30: unknown key `title FROM books` in `tool.source`; a comma ends a text within `{ }`: put the whole text in quotes, or on a line of its own',
    ]);
  });

  it('source as a text, and the text of a message under another key', async () => {
    const tool = ['tool:', '  name: t', '  source: SELECT 1'];
    expect(await problemsOf('tools/a.yml', tool)).toEqual([
      'tools/a.yml:3:3: `tool.source` must be a mapping (`key: value` lines), not "SELECT 1"; write the SQL as `code` in `source`, or the path of a file as `file`',
    ]);
    const prompt = ['prompt:', '  name: p', '  messages: [{ content: Hello }]'];
    expect(await problemsOf('prompts/a.yml', prompt)).toContain(
      'prompts/a.yml:3:16: unknown key `content` in `prompt.messages[0]`; did you mean `prompt`?',
    );
  });
});

describe('a parameter that no message of a prompt reads', () => {
  const warnings = (text: string) =>
    warningsOf('prompts/a.yml', [
      'prompt:',
      '  name: p',
      '  parameters: [{ name: x, type: string }]',
      `  messages: [{ prompt: ${JSON.stringify(text)} }]`,
    ]);

  it.each([
    ['Hello.', 'use {{ x }} or remove the parameter'],
    ['Hello $x.', 'write {{ x }} instead of $x'],
    ['Hello ${x}.', 'write {{ x }} instead of ${x}'],
    ['Hello {x}.', 'write {{ x }} instead of {x}'],
  ])('is warned of: %s', async (text, advice) => {
    expect(await warnings(text)).toEqual([`prompts/a.yml:3:18: parameter "x" is in no message; ${advice}`]);
  });

  it.each(['{{ x }}', '{% if x %}a{% endif %}', "{{ {'a': x}['a'] }}", '{% for y in x %}{{ y }}{% endfor %}'])(
    'is not one that a tag reads: %s',
    async (text) => {
      expect(await warnings(text)).toEqual([]);
    },
  );
});

it('a file or folder with almost the right name is not read, with a warning', async () => {
  const tool = ['tool:', '  name: t', '  source: { code: SELECT 1 }'];
  using project = new TemporaryProject({
    'tools/a.yml': tool,
    'tools/deep/b.YML': tool,
    'tools/c.yaml.txt': tool,
    'tools/notes.md': '',
    'tool/d.yml': tool,
    'prompt/readme.md': '',
  });
  const { endpoints, warnings } = await loadEndpoints(foldersOf(project.root));
  expect(endpoints.map(({ path }) => path)).toEqual(['tools/a.yml']);
  const message = 'this file is not read; the name of an endpoint file ends in .yml or .yaml';
  expect(warnings.map((warning) => formatProblem(warning)).sort()).toEqual([
    'tool: the endpoint files of this folder are not read; move them to tools/',
    `tools/c.yaml.txt: ${message}`,
    `tools/deep/b.YML: ${message}`,
  ]);
  const within = {
    ...foldersOf(project.root),
    paths: { ...foldersOf(project.root).paths, tools: project.path('tool') },
  };
  expect((await loadEndpoints(within)).warnings).toEqual([]);
});

describe('a file that an endpoint names and that does not exist', () => {
  const hint = 'paths are relative to the YAML file, or to the project if they begin with "/"';

  it.each([
    ['sql/prices.sql', 'the SQL file tools/sql/prices.sql does not exist; did you mean "/sql/prices.sql"?'],
    ['../sql/price.sql', 'the SQL file sql/price.sql does not exist; did you mean "../sql/prices.sql"?'],
    ['/sql/pirces.sql', 'the SQL file sql/pirces.sql does not exist; did you mean "/sql/prices.sql"?'],
    ['python/load.py', 'the Python file tools/python/load.py does not exist; did you mean "/python/load.py"?'],
    ['../sql/nothing-like-it.sql', 'the SQL file sql/nothing-like-it.sql does not exist'],
    ['../none/x.sql', 'the SQL file none/x.sql does not exist'],
  ])('%s', async (named, expected) => {
    using project = new TemporaryProject({
      'tools/a.yml': [
        'mxcp: 1',
        'tool:',
        '  name: t',
        `  language: ${named.endsWith('.py') ? 'python' : 'sql'}`,
        `  source: { file: ${named} }`,
      ],
      'sql/prices.sql': 'SELECT 1',
      'python/load.py': 'def t(): return 1',
    });
    const { failures } = await loadEndpoints(foldersOf(project.root));
    const messages = failures.flatMap(({ problems }) => problems.map(({ message }) => message));
    expect(messages).toEqual([`${expected}; ${hint}`]);
  });
});
