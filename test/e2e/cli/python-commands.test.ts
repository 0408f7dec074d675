import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMxcp, temporaryFolder, type Finished } from './mxcp-process.js';

const tool = (name: string, ...fields: readonly string[]): string =>
  [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    '  language: python',
    ...fields.map((field) => `  ${field}`),
    '  source: { file: ../python/greetings.py }',
    '',
  ].join('\n');

const PROJECT = {
  'mxcp-site.yml': 'mxcp: 1\nproject: small\nprofile: dev\n',
  'python/greetings.py': [
    'import os',
    'from mxcp.runtime import db, mcp, on_init, on_shutdown, reload_duckdb',
    'from mxcp.sdk.auth.context import get_user_context',
    '',
    'def note(text):',
    '    with open("notes", "a") as notes:',
    '        notes.write(text)',
    '',
    'on_init(lambda: note("begun "))',
    'on_shutdown(lambda: note("ended "))',
    '',
    'async def greet(greeting):',
    '    user = get_user_context()',
    '    print("greeting", user.username)',
    '    await mcp.info("half way")',
    '    await mcp.progress(1, 2)',
    '    row = db.execute("SELECT get_username() AS name")[0]',
    '    return {"text": "%s, %s" % (greeting, user.username), "sql": row["name"], "email": user.email}',
    '',
    'def fail():',
    '    raise KeyError("nothing there")',
    '',
    'def again():',
    '    reload_duckdb(lambda: None)',
    '    return "asked"',
    '',
  ].join('\n'),
  'tools/greet.yml': tool('greet', 'parameters: [{ name: greeting, type: string, default: Hello }]'),
  'tools/fail.yml': tool('fail'),
  'tools/again.yml': tool('again'),
  'tools/plain.yml': 'mxcp: 1\ntool:\n  name: plain\n  source: { code: SELECT 1 AS one }\n',
};

let project: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  project = temporaryFolder(PROJECT);
});
afterEach(() => project.dispose());

const mxcp = (...args: readonly string[]): Promise<Finished> => runMxcp(args, { cwd: project.path });
const write = (path: string, text: string): void => writeFileSync(join(project.path, path), text);

describe('mxcp run, for a Python tool', () => {
  it('answers on standard output only; what the code prints and reports goes to standard error', async () => {
    const user = '{"username":"ada","email":"ada@example.com"}';
    const { stdout, stderr, code } = await mxcp('run', 'tool', 'greet', '-u', user, '--json-output');
    expect(JSON.parse(stdout)).toEqual({
      status: 'ok',
      result: { text: 'Hello, ada', sql: 'ada', email: 'ada@example.com' },
    });
    expect(stderr).toContain('greeting ada');
    expect(stderr).toContain('info: half way');
    expect(stderr).toContain('progress: 1 of 2');
    expect(code).toBe(0);
    expect(readFileSync(join(project.path, 'notes'), 'utf8')).toBe('begun ended ');
  });

  it('ends with 1 and names the line when the code raises', async () => {
    const { stdout, stderr, code } = await mxcp('run', 'tool', 'fail', '--json-output');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'error', code: 'python_failed' });
    expect(stderr).toContain("KeyError: 'nothing there' (python/greetings.py:21, in fail)");
    expect(stderr).not.toContain('Traceback');
    expect(code).toBe(1);
  });

  it('says that nothing is there to reload', async () => {
    const { stdout, stderr, code } = await mxcp('run', 'tool', 'again');
    expect(stdout).toBe('asked\n');
    expect(stderr).toContain('reload_duckdb() has no effect here: no server is running');
    expect(code).toBe(0);
  });

  it('starts no Python for a tool that is SQL', async () => {
    const { code } = await mxcp('run', 'tool', 'plain', '--python', '/nowhere/python');
    expect(code).toBe(0);
    const needed = await mxcp('run', 'tool', 'greet', '--python', '/nowhere/python');
    expect(needed.stderr).toContain('Python cannot be started as /nowhere/python');
    expect(needed.stderr).toContain('--python (MXCP_PYTHON)');
    expect(needed.code).toBe(3);
  });
});

describe('mxcp validate and list, for Python endpoints', () => {
  it('find every function and run no hook', async () => {
    const { stdout, code } = await mxcp('validate');
    expect(stdout).toContain('ok        tools/greet.yml\n');
    expect(stdout).toContain('4 files: 4 ok, 0 with errors');
    expect(code).toBe(0);
    expect(() => readFileSync(join(project.path, 'notes'))).toThrow();
  });

  it('name what is wrong by the line of the code, and warn about other files', async () => {
    write('python/notes.py', 'import nowhere_to_be_found\n');
    write('tools/fail.yml', tool('fail', 'parameters: [{ name: why, type: string }]'));
    const { stdout, code } = await mxcp('validate', '--json-output');
    const { result: answer } = JSON.parse(stdout);
    expect(answer.validated).toContainEqual({
      status: 'error',
      path: 'tools/fail.yml',
      message: 'python/greetings.py:20: fail() has no parameter why (it takes none) (used by tools/fail.yml)',
    });
    expect(answer.warnings).toEqual([
      expect.stringMatching(
        /^python\/notes\.py:1: cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'; install it with `/,
      ),
    ]);
    expect(code).toBe(2);
  });

  it('check what they can where Python does not run, and say what they could not', async () => {
    const { stdout, code } = await mxcp('validate', '--python', '/nowhere/python');
    expect(stdout).toMatch(/^unchecked tools\/greet\.yml$/m);
    expect(stdout).toContain('Python cannot be started as /nowhere/python');
    expect(code).toBe(3);
    const listed = await mxcp('list');
    expect(listed.stdout).toContain('tool\tgreet\ttools/greet.yml\t\n');
  });
});
