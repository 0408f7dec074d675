import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanEnv, MxcpProcess, runMxcp, SMALL_PROJECT, temporaryFolder, type Finished } from './mxcp-process.js';

let project: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  project = temporaryFolder(SMALL_PROJECT);
});
afterEach(() => project.dispose());

const mxcp = (args: readonly string[], cwd = project.path): Promise<Finished> => runMxcp(args, { cwd });
const write = (path: string, text: string): void => writeFileSync(join(project.path, path), text);

describe('mxcp validate', () => {
  it('says of every file that it is fine, from a sub-directory too', async () => {
    const { code, stdout } = await mxcp(['validate'], join(project.path, 'tools'));
    expect(stdout).toBe(
      [
        'ok        prompts/ask.yml',
        'ok        resources/region.yml',
        'ok        tools/add.yml',
        'ok        tools/many.yml',
        'ok        tools/slow.yml',
        'ok        tools/who.yml',
        '6 files: 6 ok, 0 with errors\n',
      ].join('\n'),
    );
    expect(code).toBe(0);
  });

  it('reports configuration and endpoint problems at once, each with its line', async () => {
    write('mxcp-site.yml', 'mxcp: 1\nproject: small\nprofile: dev\nprofils: {}\n');
    const broken = await mxcp(['validate']);
    expect(broken.stdout).toContain('error     mxcp-site.yml:4:1: ');
    expect(broken.stdout).toContain('did you mean `profile`?');

    write('mxcp-site.yml', 'mxcp: 1\nproject: small\nprofile: dev\n');
    write('tools/add.yml', 'mxcp: 1\ntool:\n  nam: add\n');
    write(
      'config.yml',
      'mxcp: 1\nprojects:\n  small: { profiles: { dev: { secrets: [{ name: s, type: http, parameters: { TOKEN: "${NOT_SET}" } }] } } }\n',
    );
    const env = { ...process.env, MXCP_CONFIG: join(project.path, 'config.yml') };
    const both = await runMxcp(['validate'], { cwd: project.path, env });
    expect(both.stdout).toMatch(/^error +tools\/add\.yml:3:3: /m);
    expect(both.stdout).toMatch(/^error +config\.yml:3:\d+: .*NOT_SET/m);
    expect(both.stdout).toMatch(/^unchecked resources\/region\.yml$/m);
    expect(both.code).toBe(2);
  });

  it('names a variable as it is, wherever it is run', async () => {
    const env = { ...process.env, MXCP_DUCKDB_PATH: ':memory:' };
    const { code, stdout } = await runMxcp(['validate'], { cwd: join(project.path, 'tools'), env });
    expect(stdout).toMatch(/^error +MXCP_DUCKDB_PATH: /m);
    expect(code).toBe(2);
  });

  it('answers in the JSON of the format', async () => {
    write('tools/add.yml', SMALL_PROJECT['tools/add.yml']?.replace('$a + $b', 'nope + $a + $b') ?? '');
    const { code, stdout } = await mxcp(['validate', '--json-output']);
    const answer = JSON.parse(stdout);
    expect(answer.status).toBe('error');
    expect(answer.result.status).toBe('error');
    expect(answer.result.message).toBe('1 endpoint file with errors');
    expect(answer.result.validated).toContainEqual({ status: 'ok', path: 'tools/who.yml' });
    const failed = answer.result.validated.find((each: { path: string }) => each.path === 'tools/add.yml');
    expect(failed.status).toBe('error');
    expect(failed.message).toMatch(/^tools\/add\.yml:8:27: .*nope/);
    expect(code).toBe(2);
  });

  it('looks at one file or folder when it is named', async () => {
    write('tools/dot.yml', 'mxcp: 1\ntool: { name: a.b, source: { code: SELECT 1 } }\n');
    const one = await mxcp(['validate', 'add.yml'], join(project.path, 'tools'));
    expect(one.stdout).toBe('ok        tools/add.yml\n1 file: 1 ok, 0 with errors\n');
    expect((await mxcp(['validate', 'tools'])).stdout).toMatch(/^warning +tools\/dot\.yml:/m);
    const none = await mxcp(['validate', 'tools/nope.yml']);
    expect(none.stderr).toContain('there is no endpoint file at "tools/nope.yml"');
    expect(none.code).toBe(2);
  });

  it('checks what it can beside a server that holds the database, and says what it could not', async () => {
    const server = new MxcpProcess(['serve', '--port', '0'], { cwd: project.path });
    try {
      await server.url();
      const checked = await mxcp(['validate']);
      expect(checked.stdout).toMatch(/^unchecked tools\/add\.yml$/m);
      expect(checked.stdout).toMatch(/^ok +prompts\/ask\.yml$/m);
      expect(checked.stdout).toContain(`process ${server.pid} has it open`);
      expect(checked.stdout).toContain(
        'start it with `--admin-socket <path>`: this command then asks the server instead',
      );
      expect(checked.code).toBe(3);
      const listed = await mxcp(['list']);
      expect(listed.code).toBe(0);
      const asked = await mxcp(['query', 'SELECT 1']);
      expect(asked.stderr).toContain(`process ${server.pid} has it open`);
      expect(asked.code).toBe(3);
    } finally {
      server.kill('SIGTERM');
      await server.ended;
    }
  });
});

describe('mxcp list', () => {
  it('lists kind, name and path, with what is wrong', async () => {
    write('tools/add.yml', 'mxcp: 1\ntool:\n  name: add\n');
    write('tools/who.yml', 'mxcp: 1\ntool: { name: who, tags: [people, http], source: { code: SELECT 1 } }\n');
    const { stdout, code } = await mxcp(['list']);
    expect(stdout.split('\n')[0]).toBe('KIND\tNAME\tPATH\tERROR\tURI\tTAGS');
    expect(stdout).toContain('tool\twho\ttools/who.yml\t\t\tpeople, http\n');
    expect(stdout).toMatch(/^resource\tregion\tresources\/region\.yml\t\t\S+:\/\/\S+\t$/m);
    expect(stdout).toMatch(/^tool\tadd\ttools\/add\.yml\ttools\/add\.yml:\d+:\d+: .+$/m);
    expect(code).toBe(0);
  });

  it('answers in the JSON of the format', async () => {
    const { stdout } = await mxcp(['list', '--json-output']);
    const answer = JSON.parse(stdout);
    expect(answer.status).toBe('ok');
    expect(answer.result.endpoints[0]).toEqual({
      path: join(project.path, 'prompts/ask.yml'),
      kind: 'prompt',
      name: 'ask',
      uri: null,
      tags: [],
      groups: [],
      error: null,
    });
    expect(answer.result.endpoints).toHaveLength(6);
  });

  it('estimates what a model reads for each endpoint, the most expensive first', async () => {
    const { stdout, code } = await mxcp(['list', '--tokens', '--json-output']);
    expect(code).toBe(0);
    const { result } = JSON.parse(stdout);
    const tokens: readonly number[] = result.endpoints.map((each: { readonly tokens: number }) => each.tokens);
    expect(tokens).toEqual(tokens.toSorted((a, b) => b - a));
    expect(result.tokens).toBe(tokens.reduce((sum, each) => sum + each, 0));
    for (const { tokens: all, description, input, output } of result.endpoints) {
      expect(all).toBeGreaterThanOrEqual(Math.max(description, input, output));
      expect(description).toBeGreaterThan(0);
    }
    const table = (await mxcp(['list', '--tokens'])).stdout.trimEnd().split('\n');
    expect(table[0]).toBe('TOKENS\tTEXTS\tINPUT\tOUTPUT\tKIND\tNAME');
    expect(table).toHaveLength(tokens.length + 2);
    expect(table.at(-1)).toContain(`about ${result.tokens} tokens for ${tokens.length} endpoint`);
  });

  it('refuses the files of an earlier format, as validate does', async () => {
    write('mxcp-site.yml', 'mxcp: "1.0.0"\nproject: small\nprofile: dev\n');
    for (const command of ['list', 'validate']) {
      const { code, stdout, stderr } = await mxcp([command]);
      expect(stdout + stderr).toMatch(/mxcp-site\.yml:1:\d+: /);
      expect(code).toBe(2);
    }
  });

  it('refuses a profile that is named and in neither file, with those that there are', async () => {
    const flag = await mxcp(['list', '--profile', 'deb']);
    expect(flag.stderr).toContain(
      'the profile `deb` (--profile) is in neither configuration file; known profiles are dev; did you mean `dev`?',
    );
    expect(flag.code).toBe(2);
    const env = { ...cleanEnv(project.path), MXCP_PROFILE: 'deb' };
    const variable = await runMxcp(['list', '--json-output'], { cwd: project.path, env });
    expect(JSON.parse(variable.stdout)).toMatchObject({ status: 'error', code: 'profile_unknown' });
    expect(variable.code).toBe(2);
    expect((await mxcp(['list', '--profile', 'dev'])).code).toBe(0);
  });

  it('knows the profiles of the user configuration, and needs no value of a reference in it', async () => {
    write(
      'config.yml',
      'mxcp: 1\nprojects:\n  small: { profiles: { prod: { secrets: [{ name: s, type: http, parameters: { TOKEN: "${NOT_SET}" } }] } } }\n',
    );
    const env = { ...cleanEnv(project.path), MXCP_CONFIG: join(project.path, 'config.yml') };
    expect((await runMxcp(['list', '--profile', 'prod'], { cwd: project.path, env })).code).toBe(0);
  });

  it('does not take an option that would change nothing', async () => {
    const { code, stderr } = await mxcp(['list', '--readonly']);
    expect(stderr).toContain('unknown option `--readonly`');
    expect(code).toBe(2);
  });
});

describe('mxcp run', () => {
  const run = async (...args: readonly string[]): Promise<unknown> => {
    const { stdout } = await mxcp(['run', ...args, '--json-output']);
    return JSON.parse(stdout);
  };

  it('calls a tool with text parameters made into their types', async () => {
    expect(await run('tool', 'add', '-p', 'a=41')).toEqual({ status: 'ok', result: { sum: 42 } });
  });

  it('takes a parameter from a JSON file', async () => {
    write('numbers.json', '[1, 2]');
    const result = [{ doubled: 2 }, { doubled: 4 }];
    expect(await run('tool', 'many', '-p', 'numbers=@numbers.json')).toEqual({ status: 'ok', result });
  });

  it('calls as the given user with the given headers', async () => {
    const caller = ['-u', '{"username":"ada"}', '--request-headers', '{"X-Team":"blue"}'];
    expect(await run('tool', 'who', ...caller)).toEqual({ status: 'ok', result: { name: 'ada', team: 'blue' } });
  });

  it('reads a resource by its name and by its URI, and renders a prompt', async () => {
    expect(await run('resource', 'region', '-p', 'region=north')).toEqual({
      status: 'ok',
      result: { region: 'north' },
    });
    expect(await run('resource', 'sales://south')).toEqual({ status: 'ok', result: { region: 'south' } });
    expect(await run('prompt', 'ask', '-p', 'topic=ducks')).toEqual({
      status: 'ok',
      result: [{ prompt: 'Tell me about ducks', role: 'user', type: 'text' }],
    });
  });

  it('says in JSON and in words what is wrong with a call', async () => {
    const { code, stdout, stderr } = await mxcp(['run', 'tool', 'add', '-p', 'a=x', '--json-output']);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'error', code: 'params_invalid' });
    expect(stderr).toMatch(/^Error: .*"?a"?/);
    expect(code).toBe(2);
  });

  it.each([
    ['tool', 'ad', 'there is no tool "ad"; did you mean "add"?'],
    ['tool', 'lst_tables', 'there is no tool "lst_tables"'],
    ['prompt', 'aks', 'there is no prompt "aks"; did you mean "ask"?'],
    ['prompt', 'add', 'there is no prompt "add"; "add" is a tool'],
    ['tool', './tools/add.yml', 'there is no tool "./tools/add.yml"; that file has the tool `add`'],
    ['tool', 'sales://south', 'there is no tool "sales://south"; "sales://south" is a resource'],
    ['resource', 'add', 'there is no resource add; "add" is a tool'],
    ['resource', 'regio', 'there is no resource regio; did you mean "region"?'],
    ['resource', 'sale://south', 'there is no resource sale://south'],
  ])('names the nearest of what there is when there is no %s %s', async (type, name, message) => {
    const { code, stderr } = await mxcp(['run', type, name]);
    expect(stderr).toBe(`Error: ${message}\n`);
    expect(code).toBe(2);
  });

  it('says of an endpoint that is switched off that it is', async () => {
    write('tools/add.yml', SMALL_PROJECT['tools/add.yml']?.replace('name: add', 'name: add\n  enabled: false') ?? '');
    const { code, stderr } = await mxcp(['run', 'tool', 'add', '-p', 'a=1']);
    expect(stderr).toBe('Error: the tool "add" is switched off with `enabled: false` in tools/add.yml\n');
    expect(code).toBe(2);
  });

  it('calls a built-in tool, and knows its name, where the project has them', async () => {
    write('mxcp-site.yml', 'mxcp: 1\nproject: small\nprofile: dev\nsql_tools: { enabled: true }\n');
    expect(await run('tool', 'list_tables')).toEqual({ status: 'ok', result: [] });
    expect((await mxcp(['run', 'tool', 'lst_tables'])).stderr).toContain('did you mean "list_tables"?');
  });

  it('refuses a misspelt type', async () => {
    const misspelt = await mxcp(['run', 'tol', 'add']);
    expect(misspelt.stderr).toContain('unknown type "tol", expected tool, resource or prompt');
    expect(misspelt.code).toBe(2);
  });

  it('does not mind other endpoints that are broken, and reports the one that is called', async () => {
    write('tools/add.yml', SMALL_PROJECT['tools/add.yml']?.replace('$a + $b', 'nope + $a + $b') ?? '');
    expect(await run('prompt', 'ask', '-p', 'topic=x')).toMatchObject({ status: 'ok' });
    const broken = await mxcp(['run', 'tool', 'add', '-p', 'a=1']);
    expect(broken.stderr).toMatch(/tools\/add\.yml:8:27: .*nope/);
    expect(broken.code).toBe(2);
  });

  it('reads a resource beside broken ones, warns of these, and names them when a URI is not found', async () => {
    write('resources/broken.yml', 'mxcp: 1\nresource:\n  uri: broken://x\n  source: { code: "SELECT nope" }\n');
    write('tools/add.yml', 'mxcp: 1\ntool:\n  nam: add\n');
    const sound = await mxcp(['run', 'resource', 'sales://south']);
    expect(JSON.parse(sound.stdout)).toEqual({ region: 'south' });
    expect(sound.stderr).toBe('Warning: 2 other endpoint files with errors; `mxcp validate` shows them\n');
    const missing = await mxcp(['run', 'resource', 'brokn://x']);
    expect(missing.stderr).toContain('there is no resource brokn://x');
    expect(missing.stderr).toContain('(unless it is in resources/broken.yml, which has errors)');
    expect(missing.code).toBe(2);
  });

  it('takes a text that begins with @', async () => {
    write(
      'tools/echo.yml',
      'mxcp: 1\ntool:\n  name: echo\n  parameters: [{ name: s, type: string }]\n  return: { type: string }\n  source: { code: "SELECT $s AS s" }\n',
    );
    expect(await run('tool', 'echo', '-p', 's=@@alice')).toEqual({ status: 'ok', result: '@alice' });
  });

  it('finds its project from any folder, named before or after the command', async () => {
    for (const args of [
      ['-C', project.path, 'run', 'tool', 'add'],
      ['run', 'tool', 'add', '-C', `${project.path}/tools`],
    ]) {
      const { stdout } = await mxcp([...args, '-p', 'a=41'], '/');
      expect(JSON.parse(stdout)).toEqual({ sum: 42 });
    }
  });
});

describe('mxcp query', () => {
  it('prints rows as tab-separated lines in a pipe', async () => {
    const sql = "SELECT 1 AS a, 'x' || chr(9) || 'y' AS b UNION ALL SELECT 2, NULL ORDER BY a";
    const { stdout, code } = await mxcp(['query', sql]);
    expect(stdout).toBe('a\tb\n1\tx\\ty\n2\tNULL\n');
    expect(code).toBe(0);
  });

  it('answers with rows as JSON, from a file and from standard input', async () => {
    write('q.sql', 'SELECT $name AS name');
    const fromFile = await mxcp(['query', '--file', 'q.sql', '-p', 'name=Ada', '--json-output']);
    expect(JSON.parse(fromFile.stdout)).toEqual({ status: 'ok', result: [{ name: 'Ada' }] });
    const piped = await runMxcp(['query', '-', '--json-output'], { cwd: project.path, input: 'SELECT 2 AS n' });
    expect(JSON.parse(piped.stdout)).toEqual({ status: 'ok', result: [{ n: 2 }] });
  });

  it('ends with 1 when the database refuses the SQL', async () => {
    const { code, stderr, stdout } = await mxcp(['query', 'SELEC 1', '--json-output']);
    expect(stderr).toContain('syntax error');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'error', code: 'query_failed' });
    expect(code).toBe(1);
  });

  it.each([
    ['SELECT 1', ['zz=1'], 'the SQL does not use the parameters "zz"; it uses none'],
    ['SELECT $a', ['a=2', 'b=1'], 'the SQL does not use the parameters "b"; it uses "a"'],
    ['SELECT $name', ['nmae=1'], 'the SQL uses $name, but no parameter "name" was given; "nmae" was'],
    ['SELECT $name', ['year=1'], 'the SQL uses $name, but no parameter "name" was given'],
  ])('refuses parameters that are not those of %s: %j', async (sql, parameters, message) => {
    const { code, stderr } = await mxcp(['query', sql, ...parameters.flatMap((each) => ['-p', each])]);
    expect(stderr).toBe(`Error: ${message}\n`);
    expect(code).toBe(1);
  });

  it('takes parameters that are spread over several statements', async () => {
    const sql = 'CREATE TEMP TABLE t AS SELECT $a::INT AS n; SELECT n + $B::INT AS n FROM t';
    const { stdout } = await mxcp(['query', sql, '-p', 'a=1', '-p', 'b=2', '--json-output']);
    expect(JSON.parse(stdout)).toEqual({ status: 'ok', result: [{ n: 3 }] });
  });

  it('refuses to write with --readonly', async () => {
    await mxcp(['query', 'CREATE TABLE t AS SELECT 1 AS n']);
    const { code, stderr } = await mxcp(['query', 'INSERT INTO t VALUES (2)', '--readonly']);
    expect(stderr).toContain('read-only');
    expect(code).toBe(1);
  });
});
