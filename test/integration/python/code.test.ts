import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { PythonProject } from '../../kit/projects/python-workers.js';
import { runningChildren } from '../../kit/processes.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const target = (file: string, functionName?: string) => ({ file, functionName });

it.each(['/dev/zero', '/proc/self/mem'])('a module that is a link to %s is refused by its name', async (device) => {
  using project = new TemporaryProject({ 'python/good.py': ['def f(): return 1'] });
  symlinkSync(device, project.path('python/lib.py'));
  await expect(PythonProject.build(project, { targets: [target('python/good.py', 'f')] })).rejects.toMatchObject({
    code: 'python_failed',
    message: `the Python file ${project.path('python/lib.py')} is not a regular file`,
  });
});

describe('code that cannot be imported', () => {
  const BROKEN = {
    'python/good.py': ['def f(): return 1'],
    'python/name.py': ['import os', 'x = undefined_name', 'def f(): pass'],
    'python/syntax.py': ['def f():', '    return (1,', ''],
    'python/needs.py': ['from lib import broken', 'def f(): pass'],
    'python/leaves.py': ['import sys', 'sys.exit(3)'],
    'python/missing.py': ['import no_such_package'],
    'lib/broken.py': ['def g(): pass', '', 'raise RuntimeError("in lib")'],
  };

  it('fails the endpoints of that file, with the line, and no other', async () => {
    using project = new TemporaryProject(BROKEN);
    const targets = ['name', 'syntax', 'needs', 'leaves', 'missing'].map((name) => target(`python/${name}.py`, 'f'));
    await using python = await PythonProject.build(project, { targets });
    const problemsOf = async (name: string) => await python.workers.inspect(target(`python/${name}.py`, 'f'), []);
    expect(await problemsOf('good')).toEqual([]);
    expect(await problemsOf('name')).toEqual([
      {
        file: 'python/name.py',
        line: 2,
        message: "cannot be imported: NameError: name 'undefined_name' is not defined",
      },
    ]);
    expect(await problemsOf('syntax')).toEqual([
      { file: 'python/syntax.py', line: 2, message: expect.stringMatching(/^cannot be imported: SyntaxError: .+/) },
    ]);
    expect(await problemsOf('needs')).toEqual([
      { file: 'lib/broken.py', line: 3, message: 'cannot be imported: RuntimeError: in lib' },
    ]);
    expect(await problemsOf('leaves')).toEqual([
      { file: 'python/leaves.py', line: 2, message: 'cannot be imported: SystemExit: 3' },
    ]);
    expect(await problemsOf('missing')).toEqual([
      {
        file: 'python/missing.py',
        line: 1,
        message: expect.stringMatching(
          /^cannot be imported: ModuleNotFoundError: No module named 'no_such_package'; install it with `.*pip install .*no_such_package` \(Python is \/.*python.*\)$/,
        ),
      },
    ]);
    await expect(python.value('name:f')).rejects.toMatchObject({
      code: 'python_failed',
      message: 'the function cannot be called; the log of the server has the reason',
      logMessage: "python/name.py:2: cannot be imported: NameError: name 'undefined_name' is not defined",
      problems: [{ file: 'python/name.py', line: 2 }],
    });
    expect(await python.value('good:f')).toBe(1);
    expect(python.warnings).toEqual([]);
  });

  it('only warns when no endpoint needs it', async () => {
    using project = new TemporaryProject(BROKEN);
    await using python = await PythonProject.build(project, { workers: 2, targets: [target('python/good.py', 'f')] });
    expect(python.warnings).toHaveLength(5);
    expect(python.warnings).toContain(
      "python/name.py:2: cannot be imported: NameError: name 'undefined_name' is not defined",
    );
    expect(python.details.join('\n')).toContain('in <module>\n    x = undefined_name');
    expect(await python.value('good:f')).toBe(1);
  });

  it('because of a slip in an import is reported with what to write instead', async () => {
    using project = new TemporaryProject({
      'python/direct.py': ['from mxcp import db'],
      'python/attribute.py': ['import mxcp', 'mxcp.db.execute("SELECT 1")'],
      'python/near.py': ['import helpr'],
      'python/helper.py': ['x = 1'],
      'python/part.py': ['import json.nothing'],
      'python/named.py': ['import yaml_of_nowhere'],
    });
    await using python = await PythonProject.build(project);
    const warningOf = (name: string) => python.warnings.find((warning) => warning.startsWith(`python/${name}.py`));
    const slip = 'cannot be imported: ImportError: mxcp has no db; write `from mxcp.runtime import db`';
    expect(warningOf('direct')).toBe(`python/direct.py:1: ${slip}`);
    expect(warningOf('attribute')).toBe(`python/attribute.py:2: ${slip}`);
    expect(warningOf('near')).toMatch(/No module named 'helpr'; did you mean helper\?$/);
    expect(warningOf('part')).toMatch(/No module named 'json.nothing'$/);
    expect(warningOf('named')).toContain('pip install yaml_of_nowhere`');
  });

  it('because it needs plugins is reported with that reason', async () => {
    using project = new TemporaryProject({
      'python/one.py': ['from mxcp.plugins import MXCPBasePlugin, udf'],
      'python/two.py': ['import mxcp.plugins.base'],
    });
    await using python = await PythonProject.build(project);
    const problem = 'cannot be imported: ImportError: this version does not have plugins';
    expect(python.warnings).toEqual([
      `python/one.py:1: ${problem}; import the code from python/ instead`,
      `python/two.py:1: ${problem}; import the code from python/ instead`,
    ]);
  });

  it('because it hangs or ends the process fails the build, which names the file and leaves no process', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['x = 1'], 'python/b.py': ['while True: pass'] });
    const limits = { startMs: 4000 };
    await expect(PythonProject.build(project, { workers: 2, limits })).rejects.toMatchObject({
      code: 'python_failed',
      message: 'Python did not finish importing python/b.py within 4000 ms',
    });
    project.write('python/b.py', ['import os, sys', 'print("last words", file=sys.stderr)', 'os._exit(3)']);
    await expect(PythonProject.build(project)).rejects.toMatchObject({
      code: 'python_failed',
      message: 'the Python worker exited with code 3 while importing python/b.py\n  last words',
    });
    expect(runningChildren()).toEqual([]);
  });

  it('is stopped by the signal of the build', async () => {
    using project = new TemporaryProject({ 'python/b.py': ['open("begun", "w").close()', 'while True: pass'] });
    const controller = new AbortController();
    const reason = new Error('stopped');
    const stopped = expect(PythonProject.build(project, { signal: controller.signal })).rejects.toBe(reason);
    await vi.waitFor(() => expect(existsSync(project.path('begun'))).toBe(true), 10_000);
    controller.abort(reason);
    await stopped;
    expect(runningChildren()).toEqual([]);
  });
});

describe('the check of a function', () => {
  it('reports parameters that do not fit', async () => {
    using project = new TemporaryProject({
      'python/f.py': [
        'import functools',
        'def two(a, b=1): pass',
        'def any(**rest): pass',
        'def by_position(a, /): pass',
        'def named(*, a): pass',
        'def decorate(f):',
        '    @functools.wraps(f)',
        '    def inner(*args, **kwargs): return f(*args, **kwargs)',
        '    return inner',
        '@decorate',
        'def decorated(a): pass',
        'number = 1',
        'class Unsigned:',
        '    @property',
        '    def __signature__(self): raise RuntimeError',
        '    def __call__(self): return 1',
        'unsigned = Unsigned()',
      ],
    });
    await using python = await PythonProject.build(project);
    const check = async (name: string, ...parameters: readonly string[]): Promise<readonly string[]> => {
      const problems = await python.workers.inspect(target('python/f.py', name), parameters);
      return problems.map(({ file, line, message }) => `${file}:${line}: ${message}`);
    };
    expect(await check('two', 'a')).toEqual([]);
    expect(await check('two', 'a', 'b')).toEqual([]);
    expect(await check('any', 'x')).toEqual([]);
    expect(await check('named', 'a')).toEqual([]);
    expect(await check('decorated', 'a')).toEqual([]);
    expect(await check('unsigned', 'a')).toEqual([]);
    expect(await check('two', 'b', 'c')).toEqual([
      'python/f.py:2: two() has no parameter c (it takes a, b)',
      'python/f.py:2: two() needs a, which the endpoint does not declare',
    ]);
    expect(await check('by_position', 'a')).toEqual([
      'python/f.py:4: by_position() takes a by position only; arguments are given by name',
    ]);
    expect(await check('decorated', 'b')).toEqual([
      expect.stringContaining('python/f.py:10: decorated() has no parameter b'),
      expect.stringContaining('decorated() needs a'),
    ]);
    expect(await check('number')).toEqual([expect.stringContaining('number is not a function')]);
    expect(await check('none')).toEqual([
      expect.stringContaining('there is no function none; the file defines any, by'),
    ]);
    const missing = await python.workers.inspect(target('python/gone.py', 'f'), []);
    expect(missing).toEqual([
      { file: 'python/gone.py', message: expect.stringContaining('was not there when the code was read') },
    ]);
  });
});

describe('the modules of a project', () => {
  it('import each other in every way that Python has', async () => {
    using project = new TemporaryProject({
      'python/main.py': [
        'import helpers, pack, pack.inner, tools.shared, lib.deep.er, python.helpers',
        'from pack import inner as again',
        'def f():',
        '    import lazily',
        '    return [helpers.X, pack.NAME, pack.inner.Y, again is pack.inner, tools.shared.Z, lib.deep.er.W,',
        '            lazily.V, __file__, __name__]',
        'def load_data():',
        '    import pkgutil',
        '    return pkgutil.get_data("pack", "data.txt").decode()',
      ],
      'python/helpers.py': ['X = 1'],
      'python/lazily.py': ['V = 5'],
      'python/pack/__init__.py': ['from .inner import Y', 'NAME = __name__'],
      'python/pack/inner.py': ['Y = 2'],
      'python/pack/data.txt': 'data',
      'tools/shared.py': ['Z = 3'],
      'lib/deep/er.py': ['W = 4'],
    });
    await using python = await PythonProject.build(project);
    expect(python.warnings).toEqual([]);
    expect((await python.call('main:f')).items).toEqual([
      1,
      'pack',
      2,
      true,
      3,
      4,
      5,
      project.path('python/main.py'),
      'main',
    ]);
    expect(await python.value('main:load_data')).toBe('data');
  });

  it('may be anywhere below the root, have any name, and the name of something else', async () => {
    using project = new TemporaryProject({
      'python/json.py': ['def f(): return "mine"'],
      'python/my-tool.py': ['def f(): return "dash"'],
      'python/v1.2/x.py': ['def f(): return "dots"'],
      'tools/beside.py': ['from helpers import X', 'def f(): return X'],
      'python/helpers.py': ['X = "beside"'],
      'python/_private.py': ['raise ValueError'],
    });
    const latin = Buffer.from('# -*- coding: latin-1 -*-\ndef f(): return "caf\xe9"\n', 'latin1');
    writeFileSync(project.path('python/latin.py'), latin);
    await using python = await PythonProject.build(project);
    const call = async (file: string) => {
      const items: unknown[] = [];
      await python.workers.call(
        target(file, 'f'),
        {},
        {
          caller: ANONYMOUS,
          signal: new AbortController().signal,
          maxResultBytes: 1000,
          onShape: () => undefined,
          onItem: (value) => items.push(value),
        },
      );
      return items[0];
    };
    expect(await call('python/json.py')).toBe('mine');
    expect(await call('python/my-tool.py')).toBe('dash');
    expect(await call('python/v1.2/x.py')).toBe('dots');
    expect(await call('tools/beside.py')).toBe('beside');
    expect(await call('python/latin.py')).toBe('caf\xe9');
    expect(python.warnings).toEqual([]);
  });

  it('are read through links, once around a circle, and not from environments', async () => {
    using project = new TemporaryProject({
      '..data/linked.py': ['def f(): return "linked"'],
      'real/inner.py': ['X = 1'],
      'python/uses.py': ['import folder.inner', 'def f(): return folder.inner.X'],
      'venv/pyvenv.cfg': '',
      'venv/lib/huge.py': ['x = 1'],
    });
    symlinkSync(project.path('..data/linked.py'), project.path('python/linked.py'));
    symlinkSync(project.path('real'), project.path('python/folder'));
    symlinkSync(project.root, project.path('python/circle'));
    await using python = await PythonProject.build(project);
    expect(await python.value('linked:f')).toBe('linked');
    expect(await python.value('uses:f')).toBe(1);
  });

  it('in a Python folder outside of the project are found as well', async () => {
    using shared = new TemporaryProject({ 'code/away.py': ['def f(): return "away"'] });
    using project = new TemporaryProject({ 'tools/uses.py': ['from away import f'] });
    await using python = await PythonProject.build(project, { pythonFolder: shared.path('code') });
    const problems = await python.workers.inspect(target('tools/uses.py', 'f'), []);
    expect(problems).toEqual([]);
    expect(python.warnings).toEqual([]);
  });

  it('do not write anything beside the sources', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['def f(): return 1'] });
    await using python = await PythonProject.build(project);
    expect(await python.value('a:f')).toBe(1);
    expect(() => project.remove('python/__pycache__')).toThrow('ENOENT');
  });
});

describe('events for an audit log', () => {
  it('are taken and go nowhere', async () => {
    using project = new TemporaryProject({
      'python/events.py': [
        'from mxcp.runtime import add_execution_event, begin_execution_event',
        'def f():',
        '    with begin_execution_event("lookup", source="crm"): add_execution_event("found", {"rows": 1})',
        '    return 1',
      ],
    });
    await using python = await PythonProject.build(project);
    expect(await python.value('events:f')).toBe(1);
  });
});

describe('the interpreter', () => {
  it('that cannot be started is named, with what to do', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['x = 1'], old: '' });
    await expect(PythonProject.build(project, { interpreter: '/no/such/python' })).rejects.toMatchObject({
      code: 'python_not_found',
      message: expect.stringMatching(/\/no\/such\/python.*ENOENT.*--python \(MXCP_PYTHON\)$/),
    });
    project.write('old', ['#!/bin/sh', 'echo "Python 3.6 is too old: 3.9 or newer is needed" >&2', 'exit 69']);
    project.chmod('old', 0o755);
    await expect(PythonProject.build(project, { interpreter: project.path('old') })).rejects.toMatchObject({
      code: 'python_not_found',
      message: expect.stringContaining('Python 3.6 is too old'),
    });
    project.write('old', ['#!/bin/sh', 'exit 1']);
    await expect(PythonProject.build(project, { interpreter: project.path('old') })).rejects.toMatchObject({
      code: 'python_not_found',
      message: expect.stringContaining(
        `Python cannot be started as ${project.path('old')}: it exited with code 1 before it ran the worker, so it may be no Python; install`,
      ),
    });
  });

  it('is refused when the environment of the project is broken', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['x = 1'], '.venv/bin/python': ['#!/bin/sh'] });
    const refused = (reason: string) =>
      expect(PythonProject.build(project)).rejects.toMatchObject({
        code: 'python_not_found',
        message: expect.stringContaining(
          `the Python environment of the project is broken: ${project.path('.venv/bin/python')} ${reason}; make it again`,
        ),
      });
    await refused('may not be executed');
    project.remove('.venv/bin/python');
    symlinkSync('/nowhere/python3.7', project.path('.venv/bin/python'));
    await refused('leads to no interpreter');
    project.remove('.venv/bin/python');
    project.write('.venv/pyvenv.cfg', 'home = /nowhere');
    await refused('leads to no interpreter');
    project.remove('.venv/pyvenv.cfg');
    await using python = await PythonProject.build(project);
    expect(python.warnings).toEqual([]);
  });

  it('is the one of the project where it has one', async () => {
    using project = new TemporaryProject({
      'python/a.py': ['import os', 'def f(): return os.environ.get("CHOSEN")'],
      '.venv/bin/python': ['#!/bin/sh', 'CHOSEN=venv exec python3 "$@"'],
    });
    project.chmod('.venv/bin/python', 0o755);
    await using python = await PythonProject.build(project);
    expect(await python.value('a:f')).toBe('venv');
    await using other = await PythonProject.build(project, { interpreter: 'python3' });
    expect(await other.value('a:f')).toBe(null);
  });

  it('sees the environment of the project and nothing else', async () => {
    using project = new TemporaryProject({ 'python/a.py': ['import os', 'def f(): return sorted(os.environ)'] });
    const environment = { PATH: process.env['PATH'], OWN: '1', UNSET: undefined };
    await using python = await PythonProject.build(project, { environment });
    const { items } = await python.call('a:f');
    expect(items).toContain('OWN');
    expect(items).not.toContain('UNSET');
    expect(items).not.toContain('VITEST');
  });
});
