import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkEndpoints, loadEndpoints, withFailures } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { fixture, foldersOf, openDatabase } from '../../kit/projects/endpoint-project.js';

let disposer: Disposer;
let root: string;

beforeEach(async () => {
  disposer = new Disposer();
  root = await mkdtemp(join(tmpdir(), 'mxcp-check-'));
  disposer.defer(() => rm(root, { recursive: true, force: true }));
});
afterEach(() => disposer.dispose());

/** A project without Python code. */
async function openContents() {
  return { database: await openDatabase(disposer), python: undefined };
}

async function check(files: Readonly<Record<string, string>>): Promise<string[]> {
  await mkdir(join(root, 'tools'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'tools', name), text);
  const catalog = await loadEndpoints(foldersOf(root));
  expect(catalog.failures).toEqual([]);
  const failures = await checkEndpoints(catalog, await openContents());
  return failures.flatMap(({ problems }) => problems.map(formatProblem));
}

describe('checking endpoints against the database', () => {
  it('finds nothing wrong with a good project', async () => {
    const catalog = await loadEndpoints(fixture('endpoint-kinds.good'));
    expect(await checkEndpoints(catalog, await openContents())).toEqual([]);
  });

  it('names the line of the YAML file in which the SQL is wrong', async () => {
    const text =
      'tool:\n  name: t\n  source:\n    code: |\n      SELECT 1 AS a,\n             bogus AS b\n      FROM range(3)\n';
    expect(await check({ 'a.yml': text })).toEqual([
      expect.stringMatching(/^tools\/a\.yml:6:14: the SQL does not compile: Binder Error: .*bogus.*[^^]$/s),
    ]);
  });

  it('names the line on which folded SQL begins, because its lines are not those of the file', async () => {
    const folded =
      'tool:\n  name: t\n  source:\n    code: >\n      SELECT 1\n      -- c\n\n      , bogus\n\n      FROM range(3)\n';
    const quoted = 'tool:\n  name: u\n  source:\n    code: "SELECT 1,\\n\n      bogus"\n';
    expect(await check({ 'a.yml': folded, 'b.yml': quoted })).toEqual([
      expect.stringMatching(/^tools\/a\.yml:5: the SQL does not compile: /),
      expect.stringMatching(/^tools\/b\.yml:4: the SQL does not compile: /),
    ]);
  });

  it('uses a declared value where any other value would be an error', async () => {
    const text =
      'tool:\n  name: t\n  parameters:\n    - { name: unit, type: string, enum: [month, year] }\n  source:\n    code: SELECT date_trunc($unit, now())\n';
    expect(await check({ 'a.yml': text })).toEqual([]);
  });

  it('names the line of the SQL file', async () => {
    const text = 'tool:\n  name: t\n  source: { file: a.sql }\n';
    expect(await check({ 'a.yml': text, 'a.sql': 'SELECT 1;\n\nSELCT 2;\n' })).toEqual([
      expect.stringMatching(/^tools\/a\.sql:3: the SQL does not compile: Parser Error/),
    ]);
  });

  it('compares the fields of rules with the columns of the SQL, also where nothing declares them', async () => {
    const tool = (name: string, code: string, rule: string, more = '') =>
      `tool:\n  name: ${name}\n${more}  source: { code: "${code}" }\n  policies:\n    output:\n      - { condition: 'true', ${rule} }\n`;
    const PARAMETER = '  parameters: [{ name: x, type: string }]\n';
    const RETURN = '  return: { type: object, properties: { id: { type: integer }, other: { type: string } } }\n';
    const files = {
      'a.yml': tool('a', 'SELECT 1 AS id, 2 AS salary', 'action: mask_fields, fields: [ID, salery]'),
      'b.yml': tool('b', 'SELECT 1 AS id, 2 AS salary', 'action: filter_fields, fields: [Salary]'),
      'c.yml': tool('c', 'SELECT $x, 2 AS salary', 'action: mask_fields, fields: [salery]', PARAMETER),
      'd.yml': tool('d', 'SELECT 1 AS id', 'action: filter_fields, fields: [id, other]', RETURN),
      'e.yml': tool('e', 'CREATE TEMP TABLE e AS SELECT 1 AS id; FROM e', 'action: mask_fields, fields: [salery]'),
    };
    expect(await check(files)).toEqual([
      'tools/a.yml:6:64: `mask_fields` names "salery", but the SQL returns no such column; did you mean "salary"?',
      'tools/d.yml:7:66: `filter_fields` names "other", but the SQL returns no such column; known: id',
    ]);
  });

  it('compares the parameters of the SQL with the declared ones', async () => {
    const text =
      'tool:\n  name: t\n  parameters:\n    - { name: region, type: string }\n    - { name: year, type: integer }\n  source:\n    code: |\n      SELECT $year\n      WHERE $regoin = 1\n';
    expect(await check({ 'a.yml': text })).toEqual([
      'tools/a.yml:9:13: the SQL uses $regoin, which is not a declared parameter; did you mean "region"?',
      'tools/a.yml:4:9: parameter "region" is not used by the SQL; use $region or remove the parameter',
    ]);
  });

  it.each([
    [
      "WHERE carrier = '$carrier'",
      18,
      '$carrier is text between quotes, not a parameter; write $carrier without quotes, and join it to other text with ||',
    ],
    [
      "WHERE carrier LIKE '%$carrier%'",
      21,
      '$carrier is text between quotes, not a parameter; write $carrier without quotes, and join it to other text with ||',
    ],
    ["WHERE carrier = '{{ carrier }}'", 19, 'a parameter is written $carrier, not {{ carrier }}'],
    ['WHERE carrier = ?', 18, 'parameters have names; write $carrier instead of ? or $1'],
    ['WHERE carrier = $1', 18, 'parameters have names; write $carrier instead of ? or $1'],
    [
      'WHERE carrier = {{carrier}}',
      19,
      'the SQL does not compile: Parser Error: syntax error at or near "{"; a parameter is written $carrier, not {{carrier}}',
    ],
    [
      'WHERE carrier = :carrier',
      18,
      'the SQL does not compile: Parser Error: syntax error at or near ":"; a parameter is written $carrier, not :carrier',
    ],
    [
      'WHERE carrier = ${carrier}',
      19,
      'the SQL does not compile: Parser Error: syntax error at or near "{"; a parameter is written $carrier, not ${carrier}',
    ],
    [
      'WHERE carrier = %(carrier)s',
      18,
      'the SQL does not compile: Parser Error: syntax error at or near "%"; a parameter is written $carrier, not %(carrier)s',
    ],
    [
      'WHERE carrier = {{other}}',
      19,
      'the SQL does not compile: Parser Error: syntax error at or near "{"; SQL has no templates: declare a parameter "name" and write $name',
    ],
    ['WHERE true', undefined, 'parameter "carrier" is not used by the SQL; use $carrier or remove the parameter'],
  ])('says what to write for a parameter in another form: %s', async (where, column, message) => {
    const parameter = '    - { name: carrier, type: string }';
    const flights = "      FROM (SELECT 'UA' AS carrier) AS flights";
    const text = [
      'tool:',
      '  name: t',
      '  parameters:',
      parameter,
      '  source:',
      '    code: |',
      '      SELECT *',
      flights,
    ];
    const place = column === undefined ? '4:9' : `9:${6 + column - 1}`;
    expect(await check({ 'a.yml': [...text, `      ${where}`, ''].join('\n') })).toEqual([
      `tools/a.yml:${place}: ${message}`,
    ]);
  });

  it.each([
    ['code: SELECT bogus', '4:18'],
    ['code: "SELECT bogus"', '4:19'],
    [String.raw`code: "SELECT	bogus"`, '4'],
    ['code: "SELECT \'é\', bogus"', '4'],
    ['code: SELECT 1; SELECT bogus', '4'],
    [`code: SELECT ${'1 + '.repeat(50)}bogus`, '4:218'],
  ])('names the column only where it is known: %s', async (code, place) => {
    const [problem] = await check({ 'a.yml': `tool:\n  name: t\n  source:\n    ${code}\n` });
    expect(problem).toMatch(new RegExp(`^tools/a\\.yml:${place}: the SQL does not compile: Binder Error: .*"bogus"`));
  });

  it('also checks what follows a parameter at which DuckDB stops compiling', async () => {
    const text =
      'tool:\n  name: t\n  parameters:\n    - { name: n, type: integer }\n    - { name: d, type: string, format: date }\n  source:\n    code: |\n      SELECT $n + 1 AS next,\n             $d AS day,\n             nope AS wrong\n';
    expect(await check({ 'a.yml': text })).toEqual([
      expect.stringMatching(/^tools\/a\.yml:10:14: the SQL does not compile: Binder Error: .*nope/s),
    ]);
  });

  it('does not report an error because of a made-up value', async () => {
    const text =
      "tool:\n  name: t\n  parameters:\n    - { name: s, type: string }\n  source:\n    code: SELECT strptime($s, '%Y'), $s::INTEGER, regexp_matches('a', $s)\n";
    expect(await check({ 'a.yml': text })).toEqual([]);
  });

  it('accepts statements that need what an earlier statement creates', async () => {
    const text =
      'tool:\n  name: t\n  parameters: [{ name: n, type: integer }]\n  source:\n    code: CREATE TEMP TABLE x AS SELECT 1 AS a; SELECT a + $n FROM x\n';
    expect(await check({ 'a.yml': text })).toEqual([]);
  });

  it('leaves what failed out of the served catalog, and lists it there as failed', async () => {
    await mkdir(join(root, 'tools'));
    await writeFile(join(root, 'tools/a.yml'), 'tool:\n  name: a\n  source: { code: SELECT nothing }\n');
    await writeFile(join(root, 'tools/b.yml'), 'tool:\n  name: b\n  source: { code: SELECT 1 }\n');
    const catalog = await loadEndpoints(foldersOf(root));
    const served = withFailures(catalog, await checkEndpoints(catalog, await openContents()));
    expect(served.endpoints.map(({ name }) => name)).toEqual(['b']);
    expect(served.failures).toMatchObject([{ path: 'tools/a.yml', kind: 'tool', name: 'a' }]);
  });
});

describe('a check that the database itself cannot answer', () => {
  it('is an error of the check, not of an endpoint', async () => {
    const catalog = await loadEndpoints(fixture('endpoint-kinds.good'));
    const database = await openDatabase(disposer);
    await disposer.dispose();
    await expect(checkEndpoints(catalog, { database, python: undefined })).rejects.toThrow();
    disposer = new Disposer();
  });
});
