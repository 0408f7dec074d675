import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MxcpProcess, runMxcp, temporaryFolder, type Finished } from './mxcp-process.js';

const GREET = `mxcp: 1
tool:
  name: greet
  language: python
  parameters: [{ name: name, type: string }]
  return: { type: string }
  source: { file: ../python/greet.py }
  tests:
    - name: says hello
      arguments: [{ key: name, value: Ada }]
      result: Hello, Ada
`;

const PROJECT = {
  'mxcp-site.yml': 'mxcp: 1\nproject: tested\nprofile: dev\n',
  'python/greet.py': 'def greet(name):\n    return f"Hello, {name}"\n',
  'tools/add.yml': `mxcp: 1
tool:
  name: add
  parameters:
    - { name: a, type: integer }
    - { name: b, type: integer, default: 1 }
  return: { type: object }
  source: { code: "SELECT $a + $b AS sum" }
  tests:
    - name: adds one
      description: The default of b.
      arguments: [{ key: a, value: 41 }]
      result: { sum: 42 }
    - name: adds two numbers
      arguments: [{ key: a, value: 1 }, { key: b, value: 2 }]
      result_contains: { sum: 3 }
`,
  'tools/greet.yml': GREET,
  'tools/who.yml': `mxcp: 1
tool:
  name: who
  return: { type: object }
  source: { code: "SELECT get_username() AS name, get_request_header('X-Team') AS team" }
  tests:
    - name: knows the user
      arguments: []
      user_context: { username: ada, role: admin }
      result: { name: ada, team: null }
    - name: knows no user
      arguments: []
      result: { name: null, team: null }
`,
  'resources/region.yml': `mxcp: 1
resource:
  uri: sales://{region}
  name: region
  parameters: [{ name: region, type: string }]
  return: { type: array }
  source: { code: "SELECT $region AS region UNION ALL SELECT 'all'" }
  tests:
    - name: two rows
      arguments: [{ key: region, value: north }]
      result_length: 2
      result_contains_item: { region: north }
`,
  'prompts/ask.yml': `mxcp: 1
prompt:
  name: ask
  parameters: [{ name: topic, type: string }]
  messages: [{ role: user, prompt: "Tell me about {{ topic }}" }]
  tests:
    - name: names the topic
      arguments: [{ key: topic, value: ducks }]
      result_contains_text: about ducks
`,
  'tools/untested.yml': 'mxcp: 1\ntool:\n  name: untested\n  source: { code: "SELECT 1 AS n" }\n',
};

let project: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  project = temporaryFolder(PROJECT);
});
afterEach(() => project.dispose());

const test = (...args: readonly string[]): Promise<Finished> => runMxcp(['test', ...args], { cwd: project.path });
const write = (path: string, text: string): void => writeFileSync(join(project.path, path), text);

describe('mxcp test', () => {
  it('runs the tests of tools, resources and prompts, in SQL and Python', async () => {
    const { code, stdout, stderr } = await test();
    expect(stderr).toBe('');
    const rows = stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.replace(/\d+ ms\t\d+$/, 'ms'))).toEqual([
      'STATUS\tENDPOINT\tTEST\tTIME\tTOKENS',
      'passed\tprompt/ask\tnames the topic\tms',
      'passed\tresource/sales://{region}\ttwo rows\tms',
      'passed\ttool/add\tadds one\tms',
      'passed\ttool/add\tadds two numbers\tms',
      'passed\ttool/greet\tsays hello\tms',
      'passed\ttool/who\tknows the user\tms',
      'passed\ttool/who\tknows no user\tms',
      '7 tests: 7 passed, 0 failed, 0 errors; 1 endpoint without tests',
    ]);
    expect(code).toBe(0);
  });

  it('answers in the JSON of the format', async () => {
    const { code, stdout } = await test('tool', 'add', '--json-output');
    const outcome = { status: 'passed', error: null, time: expect.any(Number) };
    expect(JSON.parse(stdout)).toEqual({
      status: 'ok',
      result: {
        status: 'ok',
        tests_run: 2,
        endpoints: [
          {
            endpoint: 'tool/add',
            path: 'tools/add.yml',
            status: 'ok',
            message: null,
            test_results: [
              // {"sum":41}
              { name: 'adds one', description: 'The default of b.', ...outcome, tokens: 3 },
              { name: 'adds two numbers', description: null, ...outcome, tokens: 3 },
            ],
          },
        ],
      },
    });
    expect(code).toBe(0);
  });

  it('says where a wrong result is, and ends with 1', async () => {
    write('tools/add.yml', PROJECT['tools/add.yml'].replace('$a + $b', '$a - $b'));
    const { code, stdout } = await test('tool', 'add');
    expect(stdout).toContain('tools/add.yml:10:7: `result`: result.sum is 40, not the expected 42\n');
    expect(stdout).toContain('2 tests: 0 passed, 2 failed, 0 errors\n');
    expect(code).toBe(1);
    const json = JSON.parse((await test('tool', 'add', '--json-output')).stdout);
    expect(json).toMatchObject({ status: 'error', result: { status: 'failed' } });
    expect(json.result.endpoints[0].test_results[0]).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('result.sum is 40'),
    });
  });

  it('reports a call that fails as an error, and runs the other tests', async () => {
    write('python/greet.py', 'def greet(name):\n    raise ValueError("out of greetings")\n');
    write('tools/add.yml', PROJECT['tools/add.yml'].replace('{ key: b, value: 2 }', '{ key: c, value: 2 }'));
    const { code, stdout } = await test('tool');
    expect(stdout).toMatch(/^error\ttool\/greet\tsays hello\t/m);
    expect(stdout).toContain('out of greetings');
    expect(stdout).toMatch(/^tools\/add\.yml:14:7: .*"c"/m);
    expect(stdout).toContain('5 tests: 3 passed, 0 failed, 2 errors; 1 endpoint without tests\n');
    expect(code).toBe(1);
  });

  it('names the files with errors, runs the other tests, and ends with 2', async () => {
    write('tools/add.yml', PROJECT['tools/add.yml'].replace('$a + $b', 'nope + $a + $b'));
    write('tools/untested.yml', 'mxcp: 1\ntool:\n  nam: untested\n');
    const { code, stdout } = await test('--json-output');
    const { result } = JSON.parse(stdout);
    expect(result).toMatchObject({ status: 'error', tests_run: 5 });
    const broken = result.endpoints.filter((each: { status: string }) => each.status === 'error');
    expect(broken).toMatchObject([
      { endpoint: 'tool/add', message: expect.stringMatching(/^tools\/add\.yml:8:\d+: .*nope/), test_results: [] },
      { path: 'tools/untested.yml', message: expect.stringContaining('tools/untested.yml:3:3: ') },
    ]);
    expect(code).toBe(2);
  });

  it('takes a user and headers for all tests from the command line', async () => {
    const caller = ['-u', '{"username":"bob"}', '--request-headers', '{"X-Team":"blue"}'];
    const { stdout, code } = await test('tool', 'who', ...caller);
    expect(stdout).toContain('result.name is "bob", not the expected "ada"');
    expect(stdout).toContain('result.team is "blue", not the expected null');
    expect(code).toBe(1);
  });

  it('finds a resource by its name and its URI, and refuses one that does not exist', async () => {
    expect((await test('resource', 'region')).stdout).toContain('1 test: 1 passed');
    expect((await test('resource', 'sales://{region}')).stdout).toContain('1 test: 1 passed');
    const missing = await test('resource', 'regoin', '--json-output');
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: 'endpoint_not_found' });
    expect(missing.stderr).toBe('Error: there is no resource regoin; did you mean "region"?\n');
    expect(missing.code).toBe(2);
  });

  it('runs through the server that has the database open, and says so', async () => {
    const socket = join(project.path, 'admin.sock');
    const server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', socket], { cwd: project.path });
    try {
      await server.url();
      const { code, stdout, stderr } = await test();
      expect(stdout).toContain('7 tests: 7 passed, 0 failed, 0 errors; 1 endpoint without tests\n');
      expect(stderr.split('\n').filter((line) => line.includes(`process ${server.pid}`))).toHaveLength(1);
      expect(code).toBe(0);
    } finally {
      server.kill('SIGTERM');
      await server.ended;
    }
  });

  it('changes nothing with --readonly', async () => {
    await runMxcp(['query', 'CREATE TABLE t AS SELECT 1 AS n'], { cwd: project.path });
    write(
      'tools/add.yml',
      'mxcp: 1\ntool:\n  name: add\n  source: { code: "DELETE FROM t" }\n  tests: [{ name: deletes, arguments: [] }]\n',
    );
    const { code, stdout } = await test('tool', 'add', '--readonly');
    expect(stdout).toMatch(/^(error\ttool\/add|tools\/add\.yml)/m);
    expect(code).not.toBe(0);
    const left = await runMxcp(['query', 'SELECT count(*) AS n FROM t'], { cwd: project.path });
    expect(left.stdout).toBe('n\n1\n');
  });
});
