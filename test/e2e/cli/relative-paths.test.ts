import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, MxcpProcess, runMxcp, temporaryFolder } from './mxcp-process.js';

const tool = (name: string, ...lines: readonly string[]): string =>
  ['mxcp: 1', 'tool:', `  name: ${name}`, '  return: { type: integer }', ...lines.map((line) => `  ${line}`), ''].join(
    '\n',
  );

const FILES = {
  'mxcp-site.yml': 'mxcp: 1\nproject: paths\nprofile: dev\n',
  'raw/a.csv': 'a\n7\n',
  'tools/read.yml': tool('read', `source: { code: "SELECT a FROM read_csv('raw/a.csv')" }`),
  'tools/scan.yml': tool('scan', `source: { code: "SELECT a FROM 'raw/*.csv'" }`),
  'tools/python.yml': tool('python', 'language: python', 'source: { file: ../python/read.py }'),
  'python/read.py': [
    'from mxcp.runtime import db',
    'def python():',
    '    text = open("raw/a.csv").read()',
    '    assert text == "a\\n7\\n"',
    '    db.execute("COPY (SELECT 8 AS a) TO \'raw/b.csv\'")',
    '    return db.execute("SELECT max(a) AS a FROM \'raw/*.csv\'")[0]["a"]',
    '',
  ].join('\n'),
};

let project: ReturnType<typeof temporaryFolder>;
let elsewhere: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  project = temporaryFolder(FILES);
  elsewhere = temporaryFolder();
});
afterEach(() => {
  project.dispose();
  elsewhere.dispose();
});

describe('a relative path in SQL starts at the project', () => {
  it.each(['read', 'scan', 'python'])(
    'in the tool "%s", from a folder of the project and from elsewhere',
    async (name) => {
      const inside = await runMxcp(['run', 'tool', name, '--json-output'], { cwd: join(project.path, 'tools') });
      const outside = await runMxcp(['-C', project.path, 'run', 'tool', name, '--json-output'], {
        cwd: elsewhere.path,
      });
      const expected = { status: 'ok', result: name === 'python' ? 8 : 7 };
      for (const { stdout, stderr } of [inside, outside]) expect(JSON.parse(stdout), stderr).toEqual(expected);
    },
  );

  it('when it is validated, and in a query that writes a file', async () => {
    const { stdout, code } = await runMxcp(['validate'], { cwd: join(project.path, 'tools') });
    expect({ stdout, code }).toMatchObject({ code: 0 });
    const sql = "COPY (SELECT a + 1 AS b FROM 'raw/a.csv') TO 'raw/out.csv'";
    await runMxcp(['query', sql], { cwd: join(project.path, 'raw') });
    expect(readFileSync(join(project.path, 'raw/out.csv'), 'utf8')).toBe('b\n8\n');
    expect(existsSync(join(project.path, 'raw/raw'))).toBe(false);
  });

  it('in a server that was started elsewhere', async () => {
    const server = new MxcpProcess(['-C', project.path, 'serve', '--port', '0'], { cwd: elsewhere.path });
    try {
      const client = await connectClient(await server.url());
      const results = await Promise.all(['read', 'python'].map((name) => client.callTool({ name, arguments: {} })));
      expect(results.map(({ content }) => content)).toMatchObject([[{ text: '7' }], [{ text: '8' }]]);
      await client.close();
    } finally {
      server.kill('SIGTERM');
      await server.ended;
    }
  });

  it('while paths of the command line start where it is typed', async () => {
    mkdirSync(join(project.path, 'sql'));
    writeFileSync(join(project.path, 'sql', 'ask.sql'), "SELECT a FROM 'raw/a.csv'");
    const { stdout } = await runMxcp(['query', '--file', 'ask.sql', '--json-output'], {
      cwd: join(project.path, 'sql'),
    });
    expect(JSON.parse(stdout).result).toEqual([{ a: 7 }]);
  });
});
