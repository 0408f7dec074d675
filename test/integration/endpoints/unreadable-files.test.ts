import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findDefinitionChanges, loadEndpoints, selectEndpoint } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { HungDisk } from '../../kit/hung-disk.js';
import { asOrdinaryUser } from '../../kit/ordinary-user.js';
import { stopClock } from '../../kit/stopped-clock.js';
import { pythonTool, sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';

let project: TemporaryProject;
beforeEach(() => {
  project = new TemporaryProject({ 'tools/a.yml': sqlTool('a', 'SELECT 1') });
});
afterEach(() => project[Symbol.dispose]());

const load = () => loadEndpoints(foldersOf(project.root));

async function problems(): Promise<readonly string[]> {
  return (await load()).failures.flatMap((failure) => failure.problems.map(formatProblem));
}

describe('what cannot be read', () => {
  it.each(['a pipe', 'a device', 'a file of the kernel', 'a folder'])(
    'is, for %s, a problem of its endpoint alone',
    async (kind) => {
      const sqlFile = ['mxcp: 1', 'tool:', '  name: sql', '  source: { file: x.sql }'];
      project.write('tools/sql.yml', sqlFile);
      project.write('tools/python.yml', pythonTool('python', 'tools/x.py'));
      for (const path of ['tools/b.yml', 'tools/x.sql', 'tools/x.py'].map((name) => project.path(name))) {
        if (kind === 'a pipe') execFileSync('mkfifo', [path]);
        else if (kind === 'a folder') mkdirSync(path);
        else symlinkSync(kind === 'a device' ? '/dev/zero' : '/proc/self/mem', path);
      }
      const catalog = await load();
      expect(catalog.endpoints.map(({ path }) => path)).toEqual(['tools/a.yml']);
      const reason = `is not a regular file${kind === 'a folder' ? ' but a folder' : ''}`;
      expect(await problems()).toEqual([
        `tools/b.yml: the file ${reason}`,
        `tools/python.yml:6:5: the Python file tools/x.py ${reason}`,
        `tools/sql.yml:4:13: the SQL file tools/x.sql ${reason}`,
      ]);
      expect(await findDefinitionChanges(foldersOf(project.root), catalog)).toEqual([]);
    },
  );

  it('is, for a folder that this user may not look into, a problem that says how to fix it, and hides nothing else', async () => {
    project.write('tools/mine/b.yml', sqlTool('b', 'SELECT 1'));
    project.write('tools/z.yml', 'broken');
    const serving = await load();
    project.chmod('.', 0o755);
    project.chmod('tools/mine', 0o000);
    const [found, changes] = await asOrdinaryUser(async () => [
      await load(),
      await findDefinitionChanges(foldersOf(project.root), serving),
    ]);
    expect(found.endpoints.map(({ path }) => path)).toEqual(['tools/a.yml']);
    expect(found.failures.map(({ path, kind, name }) => [path, kind, name])).toEqual([
      ['tools/mine', 'tool', null],
      ['tools/z.yml', null, null],
    ]);
    expect(found.failures[0]?.problems.map(formatProblem)).toEqual([
      'tools/mine: the folder may not be read by this user; let this user read it (chmod u+rx, chown), or move it out of the endpoint folders',
    ]);
    const choice = { kind: 'tool', name: 'b', hasSqlTools: false } as const;
    expect(() => selectEndpoint(found, choice)).toThrow(
      'there is no tool "b" (unless it is in tools/mine, which has errors; `mxcp validate` shows them)',
    );
    expect(changes).toEqual(['tools/mine: unreadable']);
    const later = asOrdinaryUser(() => findDefinitionChanges(foldersOf(project.root), found));
    expect(await later).toEqual([]);
  });

  it('is reported after ten seconds when the disk hangs', async () => {
    await using hung = new HungDisk(project.root);
    stopClock();
    const reported = problems();
    vi.advanceTimersByTime(10_000);
    expect(await reported).toEqual([
      'prompts: the folder was not read, because other reads hang',
      'resources: the folder was not read, because other reads hang',
      'tools: the folder cannot be read: no answer within 10 s',
    ]);
    expect(hung.isHanging).toBe(true);
  });
});
