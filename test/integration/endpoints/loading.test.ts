import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDefinitionChanges, loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { fixture, foldersOf } from '../../kit/projects/endpoint-project.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mxcp-load-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

const load = () => loadEndpoints(foldersOf(root));

async function problemsOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string[]> {
  await write(files);
  const { failures } = await load();
  return failures.flatMap(({ problems }) => problems.map(formatProblem));
}

const tool = (rest: string) => `mxcp: 1\ntool:\n  name: t\n${rest}`;
const code = '  source:\n    code: SELECT 1\n';

describe('loading the definitions of a project', () => {
  it('reads all kinds, both endings and folders in folders', async () => {
    const catalog = await loadEndpoints(fixture('endpoint-kinds.good'));
    expect(catalog.failures).toEqual([]);
    expect(catalog.endpoints.map(({ path, kind, name }) => `${path} ${kind} ${name}`)).toEqual([
      'tools/add.yml tool add_numbers',
      'tools/rows.yml tool rows',
      'tools/sales/by-region.yaml tool sales_by_region',
      'tools/slow.yml tool slow',
      'tools/whoami.yml tool whoami',
      'resources/region.yml resource sales://regions/{region}',
      'resources/regions.yml resource Regions',
      'prompts/summary.yml prompt summary',
    ]);
    expect(catalog.disabled).toEqual([
      { path: 'tools/off.yml', kind: 'tool', name: 'not_now', description: undefined },
    ]);
    expect(catalog.warnings.map(formatProblem)).toEqual([
      'prompts/summary.yml:12:7: MCP has no role "system"; the message is delivered as "user"',
    ]);
  });

  it('is empty for a project without folders', async () => {
    expect(await load()).toMatchObject({ endpoints: [], failures: [], disabled: [], warnings: [] });
  });

  it('warns of a project in which clients find nothing to call', async () => {
    const folders = { ...foldersOf(root), sqlTools: { enabled: false } };
    const warnings = async (): Promise<string[]> =>
      (await loadEndpoints(folders)).warnings.map((warning) => formatProblem(warning));
    const nothing = 'mxcp-site.yml: clients will find nothing to call:';
    expect(await warnings()).toEqual([`${nothing} the endpoint folders have no endpoint file`]);
    await write({ 'tools/a.yml': tool(`  enabled: false\n${code}`) });
    expect(await warnings()).toEqual([`${nothing} all endpoints are switched off`]);
    await write({ 'tools/a.yml': tool(code) });
    expect(await warnings()).toEqual([]);
  });

  it('leaves dotfiles out, follows links and survives a loop', async () => {
    await write({
      'tools/a.yml': tool(code),
      'tools/.hidden.yml': 'nonsense',
      'tools/.git/b.yml': 'nonsense',
      'tools/readme.md': '',
    });
    await symlink(join(root, 'tools'), join(root, 'tools', 'loop'));
    await symlink(join(root, 'nowhere'), join(root, 'tools', 'dangling.yml'));
    const catalog = await load();
    expect(catalog.endpoints.map(({ path }) => path)).toEqual(['tools/a.yml']);
    expect(catalog.failures.map(({ path }) => path)).toEqual(['tools/dangling.yml']);
  });

  it('freezes what it read', async () => {
    await write({ 'tools/a.yml': tool(code) });
    const { endpoints } = await load();
    expect(() => Object.assign(endpoints[0] ?? {}, { name: 'other' })).toThrow();
    expect(() => Object.assign(endpoints[0]?.positions ?? {}, { identity: null })).toThrow();
  });

  it('keeps a switched-off endpoint out, whatever else is wrong with it', async () => {
    await write({ 'tools/a.yml': tool('  enabled: off\n  policies: { input: [{}] }\n  nonsense: 1\n') });
    expect(await load()).toMatchObject({ endpoints: [], failures: [], disabled: [{ name: 't' }] });
  });

  it('reads an SQL file beside the YAML file, or from the project when the path begins with a slash', async () => {
    await write({
      'tools/deep/a.yml': tool('  source: { file: a.sql }\n'),
      'tools/b.yml': tool('  source: { file: /sql/b.sql }\n').replace('name: t', 'name: b'),
      'tools/deep/a.sql': 'SELECT 1',
      'sql/b.sql': 'SELECT 2',
    });
    const { endpoints } = await load();
    const sources = endpoints.map((endpoint) => 'source' in endpoint && endpoint.source);
    const [lineInFile, columnInFile]: unknown[] = [expect.any(Function), expect.any(Function)];
    expect(sources).toEqual([
      { language: 'sql', sql: { text: 'SELECT 2', file: 'sql/b.sql', lineInFile, columnInFile } },
      { language: 'sql', sql: { text: 'SELECT 1', file: 'tools/deep/a.sql', lineInFile, columnInFile } },
    ]);
    expect(sources.map((source) => source && 'sql' in source && source.sql.lineInFile(2))).toEqual([3, 3]);
  });

  it('reads values as PyYAML does, and dates and times as the text they are', async () => {
    const parameters = ['2024-01-31', '10:30:00', 'y', '010', 'yes'].map(
      (value, index) =>
        `    - { name: p${index}, type: ${index < 3 ? 'string' : index === 3 ? 'integer' : 'boolean'}, default: ${value} }\n`,
    );
    await write({ 'tools/a.yml': tool(`  parameters:\n${parameters.join('')}${code}`) });
    const { endpoints, failures } = await load();
    expect(failures).toEqual([]);
    expect(endpoints[0]?.parameters.map((parameter) => parameter.default)).toEqual([
      '2024-01-31',
      '10:30:00',
      'y',
      8,
      true,
    ]);
  });

  it('keeps the definitions of an earlier catalog whose files have the same content', async () => {
    const named = (name: string, rest: string) => tool(rest).replace('name: t', `name: ${name}`);
    await write({
      'tools/a.yml': named('a', code),
      'tools/b.yml': named('b', code),
      'tools/c.yml': named('c', '  source: { file: c.sql }\n'),
      'tools/c.sql': 'SELECT 1',
      'tools/d.yml': named('d', '  source: { file: d.sql }\n'),
      'tools/d.sql': 'SELECT 1',
      'tools/e.yml': named('e', '  language: python\n  source: { file: e.py }\n'),
      'tools/e.py': 'def e(): pass\n',
      'prompts/p.yml': 'mxcp: 1\nprompt: { name: p, messages: [{ role: system, prompt: hi }] }\n',
    });
    const known = await load();
    expect(known.failures).toEqual([]);
    await write({ 'tools/b.yml': named('b', code.replace('1', '2')), 'tools/d.sql': 'SELECT 2' });
    await rm(join(root, 'tools/e.py'));
    const again = await loadEndpoints(foldersOf(root), known);
    const kept = again.endpoints.filter((definition) => known.endpoints.includes(definition));
    expect(kept.map(({ name }) => name)).toEqual(['a', 'c', 'p']);
    expect(again.endpoints.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'p']);
    expect(again.failures.map(({ path }) => path)).toEqual(['tools/e.yml']);
    expect(again.warnings).toEqual(known.warnings);
    expect(again.warnings).toHaveLength(1);
    // A kept definition still meets the rules about all endpoints together.
    await write({ 'tools/z.yml': named('a', code) });
    const conflicting = await loadEndpoints(foldersOf(root), again);
    expect(conflicting.failures.map(({ path }) => path)).toEqual(['tools/a.yml', 'tools/e.yml', 'tools/z.yml']);
  });

  it('lists files that differ from those that were read before', async () => {
    await write({
      'tools/a.yml': tool(code),
      'tools/b.yml': tool('  source: { file: b.sql }\n').replace('name: t', 'name: b'),
      'tools/b.sql': 'SELECT 1',
      'tools/c.yml': 'broken',
    });
    const serving = await load();
    await write({ 'tools/b.sql': 'SELECT 2', 'tools/d.yml': tool(code), 'tools/c.yml': 'broken still' });
    await rm(join(root, 'tools/a.yml'));
    expect(await findDefinitionChanges(foldersOf(root), serving)).toEqual([
      'tools/a.yml: removed',
      'tools/b.yml: changed',
      'tools/c.yml: changed',
      'tools/d.yml: added',
    ]);
    expect(await findDefinitionChanges(foldersOf(root), await load())).toEqual([]);
  });

  it('lists unreadable files only when they change, and SQL files that were added since', async () => {
    await write({
      'tools/a.yml': tool('  source: { file: a.sql }\n'),
      'tools/b.yml': Buffer.from(tool(code), 'utf16le'),
    });
    await symlink(join(root, 'nowhere'), join(root, 'tools', 'dangling.yml'));
    const serving = await load();
    expect(serving.failures).toHaveLength(3);
    expect(await findDefinitionChanges(foldersOf(root), serving)).toEqual([]);
    await write({ 'tools/a.sql': 'SELECT 1', 'tools/b.yml': tool(code), nowhere: tool(code) });
    expect(await findDefinitionChanges(foldersOf(root), serving)).toEqual([
      'tools/a.yml: changed',
      'tools/b.yml: changed',
      'tools/dangling.yml: changed',
    ]);
  });

  it('leaves out the byte order mark with which some editors begin a file', async () => {
    await write({ 'tools/a.yml': `\uFEFF${tool('  source: { file: a.sql }\n')}`, 'tools/a.sql': '\uFEFFSELECT 1' });
    expect(await load()).toMatchObject({ failures: [], endpoints: [{ source: { sql: { text: 'SELECT 1' } } }] });
  });
});

describe('problems of definitions', () => {
  it('are reported together, each with its position and the key that was probably meant', async () => {
    const file = [
      'mxcp: 1',
      'tool:',
      '  nam: t',
      '  parameters:',
      '    - name: 1a',
      '      type: strin',
      '      minLength: -1',
      '      defualt: 3',
      '  return: { type: object, propertys: {} }',
      '  source: { code: SELECT 1, file: 3 }',
      'metdata: {}',
    ].join('\n');
    expect(await problemsOf({ 'tools/a.yml': file })).toEqual([
      'tools/a.yml:2:1: `tool.name` is missing',
      'tools/a.yml:3:3: unknown key `nam` in `tool`; did you mean `name`?',
      'tools/a.yml:5:7: `tool.parameters[0].name` must start with a letter or underscore, then letters, digits, underscores',
      'tools/a.yml:6:7: `tool.parameters[0].type` must be one of string, number, integer, boolean, array, object, not "strin"; did you mean "string"?',
      'tools/a.yml:7:7: `tool.parameters[0].minLength` must not be negative',
      'tools/a.yml:8:7: unknown key `defualt` in `tool.parameters[0]`; did you mean `default`?',
      'tools/a.yml:9:27: unknown key `propertys` in `tool.return`; did you mean `properties`?',
      'tools/a.yml:10:29: `tool.source.file` must be text (put it in quotes), not 3',
      'tools/a.yml:11:1: unknown key `metdata`; did you mean `metadata`?',
    ]);
  });

  it.each([
    [
      'broken YAML',
      'tool:\n  name: [1\n',
      'tools/a.yml:2:9: this bracket is not closed, or a line that belongs to it is not indented deeper than its key',
    ],
    [
      'a key twice',
      `tool:\n  name: a\n  name: b\n${code}`,
      'tools/a.yml:3:3: this key already exists in the same mapping; remove one of the two',
    ],
    ['an empty file', '', 'tools/a.yml: the file must be a mapping with the key `tool`'],
    ['no kind', 'mxcp: 1\ntols: {}\n', 'tools/a.yml:1:1: the file has no `tool`; it has `tols`'],
    [
      'two kinds',
      'tool: {}\nprompt: {}\n',
      'tools/a.yml:2:1: a file defines one endpoint; this one has `tool` and `prompt`',
    ],
    [
      'a kind of another folder',
      'resource: {}\n',
      'tools/a.yml:1:1: this file defines a resource but is in the folder of tools; move it to resources/ or change its kind',
    ],
    ['another format version', `mxcp: 2\ntool:\n  name: t\n${code}`, 'tools/a.yml:1:1: `mxcp` must be 1, not 2'],
    ['no source', tool(''), 'tools/a.yml:2:1: `tool.source` is missing'],
    [
      'two sources',
      tool('  source: { code: SELECT 1, file: a.sql }\n'),
      'tools/a.yml:4:3: `source` has both `code` and `file`; keep one',
    ],
    [
      'an SQL file that is missing',
      tool('  source:\n    file: a.sql\n'),
      'tools/a.yml:5:5: the SQL file tools/a.sql does not exist; paths are relative to the YAML file, or to the project if they begin with "/"',
    ],
    [
      'a Python file without its language',
      tool('  source: { file: a.py }\n'),
      'tools/a.yml:4:13: "a.py" is a Python file, but without a language it would run as SQL; add `language: python` to the tool',
    ],
    [
      'a Python file as SQL',
      tool('  language: sql\n  source: { file: a.py }\n'),
      'tools/a.yml:5:13: "a.py" is a Python file, but the language is `sql`; write `language: python`',
    ],
    [
      'Python code within the YAML file',
      tool('  language: python\n  source:\n    code: return 1\n'),
      'tools/a.yml:6:5: Python code cannot be in the YAML file, because imports and tracebacks need a file; define the function "t" in a file below python/ and name that file with `file`',
    ],
    [
      'a Python file that is missing',
      tool('  language: python\n  source: { file: ../python/a.py }\n'),
      'tools/a.yml:5:13: the Python file python/a.py does not exist; paths are relative to the YAML file, or to the project if they begin with "/"',
    ],
    [
      'a Python file outside the project',
      tool('  language: python\n  source: { file: ../../a.py }\n'),
      'tools/a.yml:5:13: "../../a.py" is outside the project; move it into the project, because code is loaded only from there',
    ],
    [
      'a Python file with another ending',
      tool('  language: python\n  source: { file: a.txt }\n'),
      'tools/a.yml:5:13: "a.txt" does not end in .py, so Python cannot import it',
    ],
    [
      'a parameter twice',
      tool(`  parameters:\n    - { name: a, type: string }\n    - { name: a, type: string }\n${code}`),
      'tools/a.yml:6:9: parameter "a" is declared twice',
    ],
    [
      'a pattern that does not compile',
      tool(`  parameters:\n    - { name: a, type: string, pattern: "(" }\n${code}`),
      /^tools\/a\.yml:5:32: `pattern` is not a regular expression: /,
    ],
    [
      'a default of another type',
      tool(`  parameters:\n    - { name: a, type: integer, default: many }\n${code}`),
      'tools/a.yml:5:33: the default of "a" does not fit: it must be a whole number, not "many"',
    ],
    [
      'a default of another type within a list of objects',
      tool(
        `  parameters:\n    - name: a\n      type: array\n      items: { type: object, properties: { n: { type: integer, default: many } } }\n${code}`,
      ),
      'tools/a.yml:7:64: the default of "a[].n" does not fit: it must be a whole number, not "many"',
    ],
    [
      'a required key that is not declared',
      tool(`  return: { type: object, properties: { name: { type: string } }, required: [nmae] }\n${code}`),
      'tools/a.yml:4:67: `required` names "nmae", which is not in `properties`; did you mean "name"?',
    ],
    [
      'the name of an SQL tool',
      tool(code).replace('name: t', 'name: list_tables'),
      'tools/a.yml:3:3: the name "list_tables" belongs to a built-in SQL tool; rename it or switch off `sql_tools`',
    ],
  ])('report %s', async (_, text, expected) => {
    const problems = await problemsOf({ 'tools/a.yml': text });
    expect(problems).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  it('report text in another encoding, which would be served as something else', async () => {
    expect(
      await problemsOf({
        'tools/a.yml': Buffer.from(tool("  source:\n    code: SELECT 'caf\xe9'\n"), 'latin1'),
        'tools/b.yml': tool('  source:\n    file: b.sql\n'),
        'tools/b.sql': Buffer.from("SELECT 'caf\xe9'", 'latin1'),
        'tools/c.yml': tool('  source:\n    file: c.sql\n'),
        'tools/c.sql': Buffer.from('SELECT 1', 'utf16le'),
      }),
    ).toEqual([
      'tools/a.yml: the file is not UTF-8 text',
      'tools/b.yml:5:5: the SQL file tools/b.sql is not UTF-8 text',
      'tools/c.yml:5:5: the SQL file tools/c.sql is not a text file',
    ]);
  });

  it('report placeholders and parameters of a URI that do not match', async () => {
    const file =
      'resource:\n  uri: x://{cat}/{dog}\n  parameters:\n    - { name: cats, type: string }\n    - { name: dog, type: string }\n' +
      code;
    expect(await problemsOf({ 'resources/a.yml': file })).toEqual([
      'resources/a.yml:2:3: the URI uses {cat}, which is not a declared parameter; did you mean "cats"?',
      'resources/a.yml:4:9: parameter "cats" is not in the URI x://{cat}/{dog}; add {cats} to the URI or remove the parameter',
    ]);
  });

  it('have the line within a template that is a literal block, and otherwise the line of its key', async () => {
    const file = (style: string) =>
      `prompt:\n  name: p\n  messages:\n    - role: user\n      prompt: ${style}\n        Hello\n\n        {{ topic }}\n        {{ 1 | uper }}\n`;
    const unknown = 'the template reads "topic", which is not a declared parameter';
    const misspelt = 'there is no filter "uper" in prompts; did you mean "upper"?';
    expect(await problemsOf({ 'prompts/a.yml': file('|') })).toEqual([
      `prompts/a.yml:8: ${unknown}`,
      `prompts/a.yml:9: ${misspelt}`,
    ]);
    expect(await problemsOf({ 'prompts/a.yml': file('>') })).toEqual([
      `prompts/a.yml:5:7: ${misspelt}`,
      `prompts/a.yml:5:7: ${unknown}`,
    ]);
  });

  it('report templates that read undeclared names, and roles that MCP does not know', async () => {
    const file =
      'prompt:\n  name: p\n  parameters:\n    - { name: topic, type: string }\n  messages:\n    - prompt: "{{ topc }}"\n    - { role: tool, prompt: "{% if %}" }\n';
    expect(await problemsOf({ 'prompts/a.yml': file })).toEqual([
      'prompts/a.yml:6:7: the template reads "topc", which is not a declared parameter; did you mean "topic"?',
      'prompts/a.yml:7:9: `role` must be user or assistant, not "tool"',
      'prompts/a.yml:7:21: {% if %} has no end; add {% endif %}',
      'prompts/a.yml:7:21: "{% if %}" is not valid Jinja',
    ]);
  });

  it('name every file of a duplicate, within a kind only', async () => {
    const prompt = 'prompt:\n  name: t\n  messages: [{ prompt: hi }]\n';
    const resource = (name: string) =>
      `resource:\n  uri: x://{${name}}\n  parameters: [{ name: ${name}, type: string }]\n${code}`;
    expect(
      await problemsOf({
        'tools/a.yml': tool(code),
        'tools/b.yml': tool(code),
        'prompts/c.yml': prompt,
        'resources/d.yml': resource('p'),
        'resources/e.yml': resource('q'),
      }),
    ).toEqual([
      'resources/d.yml:2:3: resource x://{p} is also defined in resources/e.yml; keep one',
      'resources/e.yml:2:3: resource x://{q} is also defined in resources/d.yml; keep one',
      'tools/a.yml:3:3: tool "t" is also defined in tools/b.yml; keep one',
      'tools/b.yml:3:3: tool "t" is also defined in tools/a.yml; keep one',
    ]);
    expect((await load()).endpoints.map(({ path }) => path)).toEqual(['prompts/c.yml']);
  });

  it('name kind and name of the endpoint as far as they can be made out', async () => {
    await write({ 'tools/a.yml': 'tool:\n  name: half\n  x: 1\n', 'tools/b.yml': ']' });
    expect((await load()).failures).toMatchObject([
      { path: 'tools/a.yml', kind: 'tool', name: 'half' },
      { path: 'tools/b.yml', kind: null, name: null },
    ]);
  });
});
