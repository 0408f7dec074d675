import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { JsonValue } from '../../../src/duckdb/index.js';
import { Secret } from '../../../src/secrets/index.js';
import { largestTurnOf } from '../../kit/event-loop.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const ALICE = { ...ANONYMOUS, username: 'alice', email: 'a@x.org', provider: 'github', externalToken: 'gho_1' };

describe('a call of a Python function', () => {
  it('gives a value, and a list item by item', async () => {
    using project = new TemporaryProject({
      'python/shop.py': [
        'import datetime',
        'def total(a, b=2): return a + b',
        'def days(): return [datetime.date(2024, 1, 2), {"x": 1}]',
        'async def later(a): return a',
        'def nothing(): pass',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('shop:total', { a: 1 })).toBe(3);
    expect(await python.call('shop:days')).toEqual({
      shape: 'list',
      items: ['2024-01-02', { x: 1 }],
      texts: ['"2024-01-02"', '{"x":1}'],
    });
    expect(await python.value('shop:later', { a: 'é\u2028\ud83d\ude00' })).toBe('é\u2028\ud83d\ude00');
    expect(await python.call('shop:nothing')).toEqual({ shape: 'value', items: [null], texts: ['null'] });
    expect(python.warnings).toEqual([]);
    expect(python.output).toEqual([]);
  });

  it('takes whatever gives its result in the end', async () => {
    using project = new TemporaryProject({
      'python/lazy.py': [
        'import functools',
        'async def inner(n): return n',
        'def gives_a_coroutine(): return inner(1)',
        '@functools.wraps(inner)',
        'def wrapped(*args, **kwargs): return inner(*args, **kwargs)',
        'def generator():',
        '    yield 1',
        '    yield 2',
        'async def async_generator():',
        '    yield 3',
        '    yield 4',
        'class Callable:',
        '    async def __call__(self): return 5',
        'instance = Callable()',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('lazy:gives_a_coroutine')).toBe(1);
    expect(await python.value('lazy:wrapped', { n: 2 })).toBe(2);
    expect((await python.call('lazy:generator')).items).toEqual([1, 2]);
    expect((await python.call('lazy:async_generator')).items).toEqual([3, 4]);
    expect(await python.value('lazy:instance')).toBe(5);
  });

  it('runs sync and async functions of one worker at the same time', async () => {
    using project = new TemporaryProject({
      'python/meet.py': [
        'import asyncio, threading',
        'threads = threading.Barrier(16)',
        'async_arrived = []',
        'everybody = asyncio.Event()',
        'def sync(): return threads.wait(20) >= 0',
        'async def later():',
        '    async_arrived.append(1)',
        '    if len(async_arrived) == 16: everybody.set()',
        '    await everybody.wait()',
        '    return True',
      ],
    });
    await using python = await PythonProject.build(project);
    const all = (target: string) => Promise.all(Array.from({ length: 16 }, () => python.value(target)));
    expect(await all('meet:sync')).toEqual(Array.from({ length: 16 }, () => true));
    expect(await all('meet:later')).toEqual(Array.from({ length: 16 }, () => true));
  });

  it('goes to the worker that has the least to do', async () => {
    using project = new TemporaryProject({
      'python/who.py': [
        'import os, threading',
        'go = threading.Event()',
        'def hold():',
        '    go.wait(20)',
        '    return os.getpid()',
        'def release():',
        '    go.set()',
        '    return os.getpid()',
      ],
    });
    await using python = await PythonProject.build(project, { workers: 3 });
    const held = [python.value('who:hold'), python.value('who:hold'), python.value('who:hold')];
    expect(python.workers.status).toEqual({ workers: 3, busy: 3, restarts: 0 });
    const released = await Promise.all(Array.from({ length: 3 }, () => python.value('who:release')));
    expect(new Set(released).size).toBe(3);
    expect(new Set(await Promise.all(held)).size).toBe(3);
    expect(python.workers.status.busy).toBe(0);
  });

  it('knows its caller, and no other call does', async () => {
    using project = new TemporaryProject({
      'python/me.py': [
        'import asyncio',
        'from mxcp.sdk.auth.context import get_user_context',
        'def who():',
        '    user = get_user_context()',
        '    return user and [user.username, user.email, user.provider, user.external_token, user.user_id]',
        'async def who_later():',
        '    await asyncio.sleep(0.01)',
        '    return get_user_context().username',
      ],
    });
    await using python = await PythonProject.build(project);
    const alice = { caller: ALICE };
    expect((await python.call('me:who', {}, alice)).items).toEqual(['alice', 'a@x.org', 'github', 'gho_1', null]);
    expect(await python.value('me:who')).toBe(null);
    const names = ['a', 'b', 'c', 'd'];
    const answers = names.map((username) => python.value('me:who_later', {}, { caller: { ...ALICE, username } }));
    expect(await Promise.all(answers)).toEqual(names);
  });

  it('finds its caller and the configuration in each place where code looks for them', async () => {
    using project = new TemporaryProject({
      'python/me.py': [
        'from mxcp.sdk.auth.capabilities import get_capabilities, has_capability',
        'from mxcp.sdk.auth.models import UserContext',
        'from mxcp.sdk.executor import get_execution_context',
        'AT_IMPORT = get_execution_context()',
        'def keep(value): get_execution_context().set("kept", value)',
        'async def context(value):',
        '    keep(value)',
        '    found = get_execution_context()',
        '    assert found.user_context is None or isinstance(found.user_context, UserContext)',
        '    return {"user": found.user_context and found.user_context.username, "kept": found.get("kept"),',
        '            "site": found.get("site_config"), "none": found.get("nothing", 7), "import": AT_IMPORT,',
        '            "capabilities": get_capabilities(), "may": has_capability("admin")}',
      ],
    });
    await using python = await PythonProject.build(project, { configuration: { siteConfig: { project: 'p' } } });
    const rest = { site: { project: 'p' }, none: 7, import: null, capabilities: [], may: false };
    const answers = [
      python.value('me:context', { value: 1 }, { caller: ALICE }),
      python.value('me:context', { value: 2 }),
    ];
    expect(await Promise.all(answers)).toEqual([
      { user: 'alice', kept: 1, ...rest },
      { user: null, kept: 2, ...rest },
    ]);
  });

  it('sends messages to its client, also data that is not JSON', async () => {
    using project = new TemporaryProject({
      'python/talk.py': [
        'from mxcp.runtime import mcp',
        'async def talk():',
        '    await mcp.info("begun", {"nan": float("nan"), "odd": 1})',
        '    await mcp.warning("odd", object)',
        '    await mcp.progress(1, 2, "half")',
        '    await mcp.progress(2)',
        '    return 1',
      ],
    });
    await using python = await PythonProject.build(project);
    await python.call('talk:talk');
    expect(python.notifications).toEqual([
      { kind: 'log', level: 'info', message: 'begun', data: { nan: null, odd: 1 } },
      { kind: 'log', level: 'warning', message: 'odd', data: "<class 'object'>" },
      { kind: 'progress', progress: 1, total: 2, message: 'half' },
      { kind: 'progress', progress: 2, total: undefined, message: undefined },
    ]);
  });

  it('gets an error for a message that its client could not read, and nothing else fails', async () => {
    using project = new TemporaryProject({
      'python/talk.py': [
        'import asyncio, decimal',
        'from mxcp.runtime import db, mcp, reload_duckdb',
        'class Unfit:',
        '    def __float__(self): return "1"',
        'ODD = [float("nan"), float("inf"), -float("inf"), "half", None, 1j, 10**400, Unfit()]',
        'async def waits():',
        '    await asyncio.sleep(0.5)',
        '    return "waited"',
        'async def progress():',
        '    refused = []',
        '    for odd in ODD:',
        '        for pair in ((odd, 10), (1, odd)):',
        '            try:',
        '                await mcp.progress(*pair)',
        '            except (TypeError, ValueError) as error:',
        '                refused.append(str(error))',
        '    await mcp.progress(2**60, 2**61)',
        '    await mcp.progress(decimal.Decimal("0.5"), True)',
        '    return refused',
        'def statements():',
        '    refused = []',
        '    for odd in (None, 1, b"SELECT 1", ["SELECT 1"]):',
        '        try:',
        '            db.execute(odd)',
        '        except TypeError as error:',
        '            refused.append(str(error))',
        '    return refused',
        'async def texts():',
        '    await mcp.info("half \\ud83d", "\\ud83d\\ude00 \\ude00")',
        '    await mcp.info("deep", [[[[[["x"]]]]]])',
        '    try:',
        '        await mcp.info("x" * 300_000)',
        '    except ValueError as error:',
        '        return str(error)',
      ],
    });
    await using python = await PythonProject.build(project);
    const innocent = python.value('talk:waits');
    const { items: progress } = await python.call('talk:progress');
    // `total` may be None.
    expect(progress).toHaveLength(15);
    expect(progress[0]).toBe('mcp.progress(): `progress` must be a finite number, not nan');
    expect(progress[1]).toBe('mcp.progress(): `total` must be a finite number, not nan');
    const { items: statements } = await python.call('talk:statements');
    expect(statements).toHaveLength(4);
    expect(statements[2]).toBe('the SQL of db.execute() must be a str, not of type "bytes"');
    expect(await python.value('talk:texts')).toBe('a message to the client must not be larger than 262144 bytes');
    expect(python.notifications).toEqual([
      { kind: 'progress', progress: 1, total: undefined, message: undefined },
      { kind: 'progress', progress: 2 ** 60, total: 2 ** 61, message: undefined },
      { kind: 'progress', progress: 0.5, total: 1, message: undefined },
      { kind: 'log', level: 'info', message: 'half \ufffd', data: '\u{1f600} \ufffd' },
      { kind: 'log', level: 'info', message: 'deep', data: [[[[[['x']]]]]] },
    ]);
    expect(await innocent).toBe('waited');
    expect(python.workers.status.restarts).toBe(0);
  });

  it('reads the configuration, and does not change it for others', async () => {
    using project = new TemporaryProject({
      'python/settings.py': [
        'from mxcp.runtime import config',
        'def read():',
        '    secret = config.get_secret("api")',
        '    secret["key"] += "!"',
        '    none = config.get_secret("other")',
        '    return {"key": config.get_secret("api"), "none": none, "deep": config.get_setting("a.b"),',
        '            "default": config.get_setting("a.c.d", 7), "user": config.user_config}',
      ],
    });
    const configuration = {
      siteConfig: { a: { b: 1 } },
      userConfig: { mxcp: 1 },
      secrets: [{ name: 'api', type: 'custom', parameters: { key: new Secret('k'), list: [1, { deep: true }] } }],
    };
    await using python = await PythonProject.build(project, { configuration });
    expect(await python.value('settings:read')).toEqual({
      key: { key: 'k', list: [1, { deep: true }] },
      none: null,
      deep: 1,
      default: 7,
      user: { mxcp: 1 },
    });
  });

  it('without a function name calls main, one named like the file, or the first public one', async () => {
    using project = new TemporaryProject({
      'python/one.py': ['def main(): return "main"', 'def one(): return "one"'],
      'python/two.py': ['def a(): return "a"', 'def two(): return "two"'],
      'python/three.py': [
        'from os.path import abspath',
        'def _a(): pass',
        'def c(): return "c"',
        'def b(): return "b"',
      ],
      'python/four.py': ['x = 1'],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('one')).toBe('main');
    expect(await python.value('two')).toBe('two');
    expect(await python.value('three')).toBe('b');
    await expect(python.value('four')).rejects.toMatchObject({
      logMessage: 'python/four.py: there is no function to call; define main()',
    });
  });
});

describe('the result of a call', () => {
  const SIZES = [
    'def text(n): return "x" * n',
    'def items(n): return ["x" * 8 for _ in range(n)]',
    'def endless():',
    '    while True: yield "x" * 1000',
    'async def later(n): return ["x" * 8 for _ in range(n)]',
  ];

  it('is refused where it is larger than allowed, before it crosses the pipe', async () => {
    using project = new TemporaryProject({ 'python/big.py': SIZES });
    await using python = await PythonProject.build(project);
    const limit = { maxResultBytes: 1000 };
    const advice = 'return less, or raise --max-result-bytes';
    expect(await python.value('big:text', { n: 998 }, limit)).toHaveLength(998);
    await expect(python.value('big:text', { n: 999 }, limit)).rejects.toMatchObject({
      code: 'result_too_large',
      message: `the result is larger than 1000 bytes; ${advice}`,
    });
    await expect(python.call('big:items', { n: 1000 }, limit)).rejects.toMatchObject({
      message: `the result is larger than 1000 bytes (reached at item 101); ${advice}`,
    });
    await expect(python.call('big:later', { n: 1000 }, limit)).rejects.toMatchObject({ code: 'result_too_large' });
    await expect(python.call('big:endless', {}, limit)).rejects.toMatchObject({ code: 'result_too_large' });
    expect(await python.value('big:text', { n: 1 })).toBe('x');
  });

  it('that its taker refuses ends the call with that refusal, and its code', async () => {
    using project = new TemporaryProject({ 'python/big.py': SIZES });
    await using python = await PythonProject.build(project);
    let taken = 0;
    const refusal = new Error('enough');
    const onItem = (): void => {
      taken += 1;
      if (taken === 3) throw refusal;
    };
    await expect(python.call('big:endless', {}, { onItem, maxResultBytes: 1e12 })).rejects.toBe(refusal);
    expect(taken).toBe(3);
    expect(python.workers.status).toEqual({ workers: 1, busy: 0, restarts: 0 });
  });

  it('of a hundred thousand items leaves the event loop free for others', async () => {
    using project = new TemporaryProject({
      'python/big.py': ['def rows(n): return [{"number": i, "text": "x" * 80} for i in range(n)]'],
    });
    await using python = await PythonProject.build(project);
    let items: readonly JsonValue[] = [];
    const largestTurn = await largestTurnOf(async () => {
      ({ items } = await python.call('big:rows', { n: 100_000 }, { maxResultBytes: 1e9 }));
    });
    expect(items).toHaveLength(100_000);
    expect(items[99_999]).toEqual({ number: 99_999, text: 'x'.repeat(80) });
    expect(largestTurn).toBeLessThan(0.5);
  });
});
