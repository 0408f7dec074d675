import { describe, expect, it, vi } from 'vitest';
import { connectTo } from '../../kit/mcp-client.js';
import { createProject, pythonTool, sqlTool } from '../../kit/projects/temporary-project.js';
import { callFor, callOnce, startPython } from '../../kit/projects/python-server.js';

const TYPES = [
  'import datetime, decimal, dataclasses, enum, math, uuid',
  'from typing import Any',
  '',
  '@dataclasses.dataclass',
  'class Point:',
  '    x: int',
  '    at: datetime.date',
  '',
  'def arguments(text: str, count: int, ratio: float, flag: bool, day, moment, names: list, extra: dict, none=1) -> Any:',
  '    return [type(each).__name__ for each in (text, count, ratio, flag, day, moment, names, extra, none)]',
  '',
  'def values():',
  '    return {',
  '        "day": datetime.date(2024, 2, 29), "decimal": decimal.Decimal("1.5"), "huge": 2**70, "nan": math.nan,',
  '        "point": Point(1, datetime.date(2024, 1, 2)), "set": {1}, "tuple": (1, 2), "none": None,',
  '    }',
  '',
  'async def rows(count):',
  '    return [{"n": n} for n in range(count)]',
  '',
  'def text():',
  '    return "just text"',
  '',
  'def words():',
  '    return ["one", "two"]',
  '',
  'def nothing():',
  '    pass',
];

const ARGUMENTS = [
  'parameters:',
  '  - { name: text, type: string }',
  '  - { name: count, type: integer }',
  '  - { name: ratio, type: number }',
  '  - { name: flag, type: boolean }',
  '  - { name: day, type: string, format: date }',
  '  - { name: moment, type: string, format: date-time }',
  '  - { name: names, type: array, items: { type: string } }',
  '  - { name: extra, type: object }',
  '  - { name: none, type: string, default: null }',
];

const COUNT = ['parameters: [{ name: count, type: integer }]', 'return: { type: array, items: { type: object } }'];

function typesProject() {
  return createProject({
    'python/types_.py': TYPES,
    'tools/arguments.yml': pythonTool('arguments', 'python/types_.py', ARGUMENTS),
    'tools/values.yml': pythonTool('values', 'python/types_.py', ['return: { type: object }']),
    'tools/rows.yml': pythonTool('rows', 'python/types_.py', [...COUNT, 'max_rows: 0', 'max_bytes: 0']),
    'tools/text.yml': pythonTool('text', 'python/types_.py', ['return: { type: string }']),
    'tools/words.yml': pythonTool('words', 'python/types_.py'),
    'tools/nothing.yml': pythonTool('nothing', 'python/types_.py'),
  });
}

describe('a Python endpoint', () => {
  it('gets its arguments by name as the types of Python, and answers in the shape it returns', async () => {
    const project = typesProject();
    const server = await startPython(project);
    const given = {
      text: 'a',
      count: 1,
      ratio: 1.5,
      flag: true,
      day: '2024-02-29',
      moment: '2024-02-29T10:00:00Z',
      names: ['b'],
      extra: { c: 1 },
    };
    expect(await callFor(server, 'arguments', given)).toEqual({
      result: ['str', 'int', 'float', 'bool', 'date', 'datetime', 'list', 'dict', 'NoneType'],
    });
    expect(await callFor(server, 'values')).toEqual({
      day: '2024-02-29',
      decimal: 1.5,
      huge: '1180591620717411303424',
      nan: null,
      point: { x: 1, at: '2024-01-02' },
      set: [1],
      tuple: [1, 2],
      none: null,
    });
    expect(await callFor(server, 'rows', { count: 2 })).toEqual({ result: [{ n: 0 }, { n: 1 }] });
    expect(await callOnce(server, 'text')).toBe('just text');
    expect(await callOnce(server, 'words')).toBe('onetwo');
    expect(await callFor(server, 'nothing')).toEqual({ result: null });
    const large = await callFor(server, 'rows', { count: 20_000 });
    expect(large).toMatchObject({ result: { length: 20_000, 19_999: { n: 19_999 } } });
  });

  it('is checked against its return type, with errors in the words of Python', async () => {
    const server = await startPython(
      createProject({
        'python/a.py': 'def number():\n    return "seven"\ndef rows():\n    return {"a": 1}\n',
        'tools/number.yml': pythonTool('number', 'python/a.py', ['return: { type: integer }']),
        'tools/rows.yml': pythonTool('rows', 'python/a.py', ['return: { type: array }']),
      }),
    );
    await expect(callOnce(server, 'number')).rejects.toThrow(
      'the result of tool "number" does not fit its return type: it must be a whole number, not "seven"',
    );
    await expect(callOnce(server, 'rows')).rejects.toThrow(
      'tool "rows" must return a list, because its return type is array, but its function returned a dict',
    );
  });

  it('fails by the file and line of its own code, without secrets; the traceback is in the debug log', async () => {
    const project = createProject({
      'config.yml': [
        'mxcp: 1',
        'projects: { shop: { profiles: { dev: { secrets: [{ name: api, type: python, parameters: { key: hunter2hunter2 } }] } } } }',
      ],
      'python/prices.py': [
        'from mxcp.runtime import config',
        'def price(item):',
        '    key = config.get_secret("api")["key"]',
        '    print("key is", key)',
        '    raise ValueError("no price for %s with %s" % (item, key))',
      ],
      'tools/price.yml': pythonTool('price', 'python/prices.py', ['parameters: [{ name: item, type: string }]']),
    });
    const server = await startPython(project, { flags: { debug: true } });
    await expect(callOnce(server, 'price', { item: 'tea' })).rejects.toThrow(
      'Error executing tool price: the Python code failed: no price for tea with [secret]',
    );
    const log = server.logLines.join('');
    expect(log).toContain('key is [secret]');
    expect(log).toContain('Traceback');
    expect(log).toMatch(/ValueError: no price for \S+ with \[secret\] \(python\/prices\.py:5, in price\)/);
    expect(log).not.toContain('hunter2');
  });

  it('asks the database as the caller of this very call, and rolls back what was not committed', async () => {
    const project = createProject({
      'python/ledger.py': [
        'from mxcp.runtime import db',
        'from mxcp.sdk.auth.context import get_user_context',
        'def setup():',
        '    db.execute("CREATE TABLE entry (amount INTEGER)")',
        'def agent():',
        '    row = db.execute("SELECT get_request_header(\'x-agent\') AS agent")[0]',
        '    return {**row, "user": get_user_context()}',
        'def book(amount, fail):',
        '    with db.transaction():',
        '        db.execute("INSERT INTO entry VALUES ($amount)", {"amount": amount})',
        '        if fail:',
        '            raise RuntimeError("no")',
        'def total():',
        '    return db.execute("SELECT coalesce(sum(amount), 0)::INTEGER AS total FROM entry")[0]["total"]',
      ],
      'tools/setup.yml': pythonTool('setup', 'python/ledger.py'),
      'tools/agent.yml': pythonTool('agent', 'python/ledger.py'),
      'tools/book.yml': pythonTool('book', 'python/ledger.py', [
        'parameters: [{ name: amount, type: integer }, { name: fail, type: boolean }]',
      ]),
      'tools/total.yml': pythonTool('total', 'python/ledger.py'),
    });
    const server = await startPython(project);
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'x-agent': 'smith' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'agent' } }),
    });
    expect(await response.json()).toMatchObject({ result: { structuredContent: { agent: 'smith', user: null } } });
    await callOnce(server, 'setup');
    await callOnce(server, 'book', { amount: 5, fail: false });
    await expect(callOnce(server, 'book', { amount: 7, fail: true })).rejects.toThrow('the Python code failed: no');
    expect(await callFor(server, 'total')).toEqual({ result: 5 });
  });

  it('reports its work and its progress to its client', async () => {
    const server = await startPython(
      createProject({
        'python/work.py': [
          'from mxcp.runtime import mcp',
          'async def work():',
          '    await mcp.info("begun", {"items": 2})',
          '    await mcp.progress(1, 2, "half")',
          '    return "done"',
        ],
        'tools/work.yml': pythonTool('work', 'python/work.py'),
      }),
    );
    const client = await connectTo(server.url, { era: 'session' });
    const logged: unknown[] = [];
    const progress: unknown[] = [];
    client.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params));
    const result = await client.callTool({ name: 'work' }, { onprogress: (each) => void progress.push(each) });
    expect(result.content).toEqual([{ type: 'text', text: 'done' }]);
    expect(logged).toEqual([{ level: 'info', logger: 'work', data: { message: 'begun', data: { items: 2 } } }]);
    expect(progress).toEqual([{ progress: 1, total: 2, message: 'half' }]);
    await client.close();
  });

  it('may be a resource, whose function its file names', async () => {
    const resource = (uri: string, file: string, ...rest: readonly string[]) => [
      'resource:',
      `  uri: ${uri}`,
      '  language: python',
      ...rest,
      `  source: { file: ../python/${file} }`,
    ];
    const server = await startPython(
      createProject({
        'python/with_main.py': 'def a():\n    return "a"\ndef main():\n    return {"from": "main"}\n',
        'python/orders.py': 'def a(id):\n    return "a"\ndef orders(id):\n    return [id, id]\n',
        'python/other.py': 'from json import dumps\ndef zeta():\n    return 1\ndef beta():\n    return "beta"\n',
        'resources/main.yml': resource('a://main', 'with_main.py'),
        'resources/orders.yml': resource('a://orders/{id}', 'orders.py', '  parameters: [{ name: id, type: integer }]'),
        'resources/other.yml': resource('a://other', 'other.py', '  return: { type: string }'),
      }),
    );
    const client = await connectTo(server.url);
    const read = async (uri: string) => (await client.readResource({ uri })).contents[0];
    expect(await read('a://main')).toMatchObject({ mimeType: 'application/json', text: '{\n  "from": "main"\n}' });
    expect(await read('a://orders/7')).toMatchObject({ text: '[7,7]' });
    expect(await read('a://other')).toMatchObject({ mimeType: 'text/plain', text: 'beta' });
    await client.close();
  });

  it('is ended by the time limit and by a client that goes away, and the next call finds everything free', async () => {
    const project = createProject({
      'python/slow.py': [
        'import time',
        'def slow():',
        '    time.sleep(30)',
        'def endless():',
        '    while True: pass',
        'def quick():',
        '    return 1',
      ],
      ...Object.fromEntries(
        ['slow', 'endless', 'quick'].map((name) => [`tools/${name}.yml`, pythonTool(name, 'python/slow.py')]),
      ),
    });
    const server = await startPython(project, { flags: { callTimeout: '2s', maxConcurrentCalls: '1' } });
    await expect(callOnce(server, 'endless')).rejects.toThrow(
      'the call of tool "endless" took longer than 2 s, waiting included, and was ended; raise --call-timeout if it needs more',
    );
    expect(await callFor(server, 'quick')).toEqual({ result: 1 });
    const client = await connectTo(server.url);
    const leave = new AbortController();
    const call = client.callTool({ name: 'slow' }, { signal: leave.signal });
    await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(1));
    leave.abort();
    await expect(call).rejects.toThrow();
    expect(await callFor(server, 'quick')).toEqual({ result: 1 });
    await client.close();
  });
});

describe('the code of endpoints that cannot be served', () => {
  const BROKEN = {
    'python/prices.py': 'def price(item):\n    return 1\n',
    'python/broken.py': 'x = 1\nimport nowhere_to_be_found\n',
    'python/half.py': 'def half(:\n',
    'tools/misnamed.yml': pythonTool('cost', 'python/prices.py'),
    'tools/price.yml': pythonTool('price', 'python/prices.py', ['parameters: [{ name: itm, type: string }]']),
    'tools/broken.yml': pythonTool('broken', 'python/broken.py'),
    'tools/half.yml': pythonTool('half', 'python/half.py'),
    'tools/sql.yml': sqlTool('sql', 'SELECT nope'),
    'tools/good.yml': sqlTool('good', 'SELECT 1 AS one'),
  };

  it('stops the start, and is all named at once, by file and line', async () => {
    const failed = await startPython(createProject(BROKEN)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'endpoint_invalid' });
    expect(String(failed).split(/\n */)).toEqual([
      expect.stringContaining('Found 5 endpoints with errors'),
      expect.stringMatching(
        /^python\/broken\.py:2: cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'; install it with `.*` \(Python is .*\) \(used by tools\/broken\.yml\)$/,
      ),
      'python/half.py:1: cannot be imported: SyntaxError: invalid syntax (used by tools/half.yml)',
      'tools/misnamed.yml:6:5: there is no function cost; the file defines price',
      'python/prices.py:1: price() has no parameter itm (it takes item) (used by tools/price.yml)',
      'python/prices.py:1: price() needs item, which the endpoint does not declare (used by tools/price.yml)',
      expect.stringContaining('tools/sql.yml'),
    ]);
  });

  it('is left out with --ignore-errors, and the rest serves', async () => {
    const server = await startPython(createProject(BROKEN), { flags: { ignoreErrors: true } });
    const { endpoints } = await server.admin.endpoints();
    expect(endpoints.filter(({ status }) => status === 'ok').map(({ name }) => name)).toEqual(['good']);
    expect(await callFor(server, 'good')).toEqual({ result: [{ one: 1 }] });
  });
});

describe('a project with Python code', () => {
  it('shows it in /endpoints and /readyz, and starts no Python where there is none', async () => {
    const server = await startPython(
      createProject({ 'python/a.py': 'def a():\n    return 1\n', 'tools/a.yml': pythonTool('a', 'python/a.py') }),
    );
    expect((await server.admin.endpoints()).endpoints).toMatchObject([{ name: 'a', language: 'python' }]);
    expect((await server.admin.ready()).checks).toContainEqual({
      name: 'python',
      status: 'ok',
      message: '1 of 1 worker ready',
    });
    const without = await startPython(createProject({ 'tools/a.yml': sqlTool('a', 'SELECT 1') }), {
      flags: { python: '/nowhere/python' },
    });
    expect((await without.admin.ready()).checks.map(({ name }) => name)).not.toContain('python');
  });

  it('is not ready while no worker takes calls, and ready again as soon as one does', async () => {
    const project = createProject({
      'python/fragile.py': [
        'import os',
        'if os.path.exists(os.environ["BROKEN"]):',
        '    os._exit(3)',
        'def leave():',
        '    os._exit(4)',
        'def one():',
        '    return 1',
      ],
      'tools/leave.yml': pythonTool('leave', 'python/fragile.py'),
      'tools/one.yml': pythonTool('one', 'python/fragile.py'),
    });
    const server = await startPython(project, { env: { BROKEN: project.path('broken') } });
    project.write('broken', '');
    await expect(callOnce(server, 'leave')).rejects.toThrow('exited with code 4');
    const python = async () => (await server.admin.ready()).checks.find(({ name }) => name === 'python');
    expect(await python()).toMatchObject({ status: 'fail', message: expect.stringContaining('0 of 1 worker ready') });
    expect((await server.admin.health()).status).toBe('ok');
    project.remove('broken');
    await vi.waitFor(async () => expect(await python()).toMatchObject({ status: 'ok' }), 10_000);
    expect(await callFor(server, 'one')).toEqual({ result: 1 });
  });

  it('is refused where there is no such Python, with what to do', async () => {
    const start = startPython(createProject({ 'python/a.py': 'x = 1\n' }), { flags: { python: '/nowhere/python' } });
    await expect(start).rejects.toMatchObject({
      code: 'python_not_found',
      message: expect.stringContaining('/nowhere/python'),
    });
  });

  it('warns about a file that no endpoint needs and that cannot be imported', async () => {
    const server = await startPython(
      createProject({ 'python/notes.py': 'x = 1\nprint(y)\n', 'tools/a.yml': sqlTool('a', 'SELECT 1') }),
    );
    expect(server.logLines.join('')).toMatch(
      /python\/notes\.py:2: cannot be imported: NameError: name 'y' is not defined/,
    );
  });
});
