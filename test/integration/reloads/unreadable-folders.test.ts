import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../src/contract/index.js';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { asOrdinaryUser } from '../../kit/ordinary-user.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { startPython } from '../../kit/projects/python-server.js';

const SQL = { 'tools/one.yml': sqlTool('one', 'SELECT 1 AS one') };
const REMEDY = 'may not be read by this user; let this user read it (chmod u+rx, chown), or move it';

function reloadWithout(
  project: TemporaryProject,
  folder: string,
  { server }: InProcessServer,
  definitions = false,
): Promise<RunRecord> {
  project.chmod('.', 0o755);
  project.chmod(folder, 0o000);
  return asOrdinaryUser(() => server.reload({ trigger: 'api', definitions }).ended);
}

describe('a reload when a folder may not be read', () => {
  it('needs no folder of endpoints unless definitions are read again, and names it then', async () => {
    const project = createProject(SQL);
    const server = await startPython(project);
    expect(await reloadWithout(project, 'tools', server)).toMatchObject({
      status: 'success',
      definitionsChanged: ['tools: unreadable'],
    });
    expect((await reloadWithout(project, 'tools', server, true)).error).toMatchObject({
      stage: 'load',
      code: 'endpoint_invalid',
      file: 'tools',
      message: expect.stringContaining(`tools: the folder ${REMEDY}`),
    });
  });

  it('names the folder of Python code, also one that no endpoint needs', async () => {
    for (const tools of [SQL, { 'tools/f.yml': pythonTool('f', 'python/f.py') }]) {
      const project = createProject({ ...tools, 'python/f.py': 'def f():\n    return 1\n' });
      const server = await startPython(project);
      expect((await reloadWithout(project, 'python', server)).error).toMatchObject({
        stage: 'build',
        code: 'python_failed',
        file: project.path('python'),
        message: expect.stringContaining(`the folder ${project.path('python')} ${REMEDY}`),
      });
    }
  });

  it('names another folder only when it contains code that is called', async () => {
    const project = createProject({
      'tools/f.yml': pythonTool('f', 'lib/f.py'),
      'lib/f.py': 'def f():\n    return 1\n',
      'notes/other.py': '',
    });
    const server = await startPython(project);
    expect(await reloadWithout(project, 'notes', server)).toMatchObject({ status: 'success', error: null });
    expect((await reloadWithout(project, 'lib', server)).error).toMatchObject({
      stage: 'build',
      code: 'python_failed',
      file: project.path('lib'),
    });
  });
});
