import { describe, expect, it } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

describe('an error of Python code', () => {
  it('names its type, its text, and the deepest line of the project; the log has all of it', async () => {
    using project = new TemporaryProject({
      'python/shop.py': [
        'import json',
        'from lib.parse import parse',
        'def order(text):',
        '    return parse(text)',
        'async def later(text):',
        '    return parse(text)',
      ],
      'lib/parse.py': ['import json', 'def parse(text):', '    return json.loads(text)'],
    });
    await using python = await PythonProject.build(project);
    for (const name of ['order', 'later']) {
      await expect(python.value(`shop:${name}`, { text: '{' })).rejects.toMatchObject({
        code: 'python_failed',
        message: 'the Python code failed: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)',
        logMessage:
          'json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (lib/parse.py:3, in parse)',
        problems: [{ file: 'lib/parse.py', line: 3 }],
      });
    }
    const [detail = ''] = python.details;
    expect(detail).toContain('Traceback (most recent call last)');
    expect(detail).toContain('in order\n    return parse(text)');
    expect(detail).not.toContain('mxcp_worker');
  });

  it('is reported, whatever it is', async () => {
    using project = new TemporaryProject({
      'python/odd.py': [
        'import sys',
        'class Unprintable(Exception):',
        '    def __str__(self): raise ValueError',
        'def exits(): sys.exit(3)',
        'async def exits_later(): sys.exit(3)',
        'def interrupts(): raise KeyboardInterrupt',
        'def stops(): raise StopIteration',
        'def unprintable(): raise Unprintable()',
        'def recursion(): return recursion()',
        'def long(): raise ValueError("x" * 1_000_000)',
        'def half(): raise ValueError("\\ud800")',
        'class Worse(Exception):',
        '    def __str__(self): sys.exit(1)',
        'def worse(): raise Worse()',
        'class Moduleless(Exception): __module__ = 7',
        'def moduleless(): raise Moduleless("text")',
        'def syntax(): raise SyntaxError("odd", (7, "x", "y", "z"))',
        'def own_syntax(): raise SyntaxError("odd", (__file__, "x", "y", "z"))',
        'def takes_one(one): pass',
        'def unfit(): return object()',
        'def unfit_later(): return [1, {"a": object()}]',
        'def fails_late():',
        '    yield 1',
        '    raise ValueError("late")',
      ],
    });
    await using python = await PythonProject.build(project);
    const messageOf = async (name: string): Promise<string> => {
      const error: unknown = await python.call(`odd:${name}`).catch((thrown: unknown) => thrown);
      return error instanceof MxcpError ? error.logMessage : `no error: ${String(error)}`;
    };
    expect(await messageOf('exits')).toBe('SystemExit: 3 (python/odd.py:4, in exits)');
    expect(await messageOf('exits_later')).toBe('SystemExit: 3 (python/odd.py:5, in exits_later)');
    expect(await messageOf('interrupts')).toBe('KeyboardInterrupt (python/odd.py:6, in interrupts)');
    expect(await messageOf('stops')).toBe('StopIteration (python/odd.py:7, in stops)');
    expect(await messageOf('unprintable')).toBe(
      'odd.Unprintable: str() of the error raised ValueError (python/odd.py:8, in unprintable)',
    );
    expect(await messageOf('recursion')).toMatch(/^RecursionError: .* \(python\/odd\.py:9, in recursion\)$/);
    expect(await messageOf('long')).toMatch(/^ValueError: x{1000} … \(998000 characters left out\) … x{1000} \(/);
    expect(await messageOf('half')).toBe('ValueError: \ufffd (python/odd.py:11, in half)');
    expect(await messageOf('worse')).toMatch(/^odd\.Worse: str\(\) of the error raised SystemExit \(/);
    expect(await messageOf('moduleless')).toMatch(/^Moduleless: text \(/);
    expect(await messageOf('syntax')).toMatch(/^SyntaxError: odd \(/);
    expect(await messageOf('own_syntax')).toBe('SyntaxError: odd (python/odd.py)');
    expect(await messageOf('takes_one')).toBe("TypeError: takes_one() missing 1 required positional argument: 'one'");
    expect(await messageOf('unfit')).toContain('TypeError: ');
    expect(await messageOf('unfit_later')).toContain('TypeError: ');
    expect(await messageOf('fails_late')).toBe('ValueError: late (python/odd.py:24, in fails_late)');
    expect(await messageOf('no_such_thing')).toContain('there is no function no_such_thing; the file defines exits,');
    expect(await messageOf('sys')).toContain('sys is not a function');
    expect(python.workers.status.restarts).toBe(0);
  });

  it('reaches a client as one sentence, without its class and the paths of this machine', async () => {
    using project = new TemporaryProject({
      'python/answers.py': [
        'import asyncio',
        'from mxcp.runtime import NotFound, ToolError',
        'class Closed(ToolError): pass',
        'def value(): raise ValueError("no airport\\n  XYZ")',
        'def empty(): raise ValueError',
        'def key(): return {}["x"]',
        'def file(): open("/".join([__file__.rpartition("/")[0], "no.csv"]))',
        'def name(): from answers import nothing',
        'def unfit(): return {"a": object()}',
        'def tool_error(): raise ToolError("the airport is closed:\\nXYZ")',
        'def tool_error_kind(): raise Closed("closed")',
        'def tool_error_empty(): raise ToolError()',
        'def not_found(): raise NotFound("there is no plane N1")',
        'def not_found_empty(): raise NotFound',
        'async def later(): raise ToolError("later")',
        'def stream():',
        '    yield 1',
        '    raise ToolError("no more")',
        'async def part(): raise ToolError("part")',
        'async def group():',
        '    if not hasattr(asyncio, "TaskGroup"): await part()',
        '    async with asyncio.TaskGroup() as tasks: tasks.create_task(part())',
      ],
    });
    await using python = await PythonProject.build(project);
    const answerOf = async (name: string): Promise<string> => {
      const error: unknown = await python.call(`answers:${name}`).catch((thrown: unknown) => thrown);
      return error instanceof MxcpError ? `${error.code}: ${error.message}` : `no error: ${String(error)}`;
    };
    const failed = 'python_failed: the Python code failed';
    expect(await answerOf('value')).toBe(`${failed}: no airport XYZ`);
    expect(await answerOf('empty')).toBe(failed);
    expect(await answerOf('key')).toBe(`${failed}: there is no key 'x'`);
    expect(await answerOf('file')).toBe(`${failed}: [Errno 2] No such file or directory: 'python/no.csv'`);
    expect(await answerOf('name')).toBe(`${failed}: cannot import name 'nothing' from 'answers'`);
    expect(await answerOf('unfit')).toMatch(
      /^python_failed: the Python code failed: the result cannot be converted to JSON/,
    );
    expect(await answerOf('no_such_thing')).toBe(
      'python_failed: the function cannot be called; the log of the server has the reason',
    );
    expect(await answerOf('tool_error')).toBe('tool_error: the airport is closed:\nXYZ');
    expect(await answerOf('tool_error_kind')).toBe('tool_error: closed');
    expect(await answerOf('tool_error_empty')).toBe('tool_error: the call failed');
    expect(await answerOf('not_found')).toBe('not_found: there is no plane N1');
    expect(await answerOf('not_found_empty')).toBe('not_found: not found');
    expect(await answerOf('later')).toBe('tool_error: later');
    expect(await answerOf('stream')).toBe('tool_error: no more');
    expect(await answerOf('group')).toBe('tool_error: part');
    await expect(python.call('answers:not_found')).rejects.toMatchObject({
      logMessage: 'NotFound: there is no plane N1 (python/answers.py:13, in not_found)',
      place: { file: 'python/answers.py', line: 13 },
    });
  });

  it('of a task that no code awaits goes to the log and ends no call', async () => {
    using project = new TemporaryProject({
      'python/tasks.py': [
        'import asyncio, sys',
        'tasks = []',
        'async def explode(): sys.exit(9)',
        'async def start():',
        '    tasks.append(asyncio.get_running_loop().create_task(explode()))',
        '    await asyncio.sleep(0.05)',
        '    return 1',
        'async def stop():',
        '    asyncio.get_running_loop().stop()',
        '    await asyncio.sleep(0.01)',
        '    return 2',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('tasks:start')).toBe(1);
    expect(await python.value('tasks:stop')).toBe(2);
    expect(python.output.join('\n')).toContain('SystemExit: 9');
    expect(python.workers.status.restarts).toBe(0);
  });
});
