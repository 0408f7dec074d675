import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';

const PATIENCE = { timeout: 20_000, interval: 50 } as const;

it('logrotate renames the log file, and SIGUSR1 opens it anew instead of a debugger', async () => {
  using project = new TemporaryProject({ 'config.yml': [...userConfig(), 'logging: { path: mxcp.log }'] });
  const server = ChildServer.spawn(project);
  const read = (name: string): string => readFileSync(project.path(name), 'utf8');
  // The launcher catches SIGUSR1 before SIGHUP, which the kernel shows.
  await vi.waitFor(() => {
    const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? [];
    expect(BigInt(`0x${caught}`) & 1n).toBe(1n);
  }, PATIENCE);
  server.child.kill('SIGUSR1');
  await vi.waitFor(() => expect(read('mxcp.log')).toContain('ready'), PATIENCE);
  project.write('rotate.conf', [
    `${project.path('mxcp.log')} {`,
    ...(process.getuid?.() === 0 ? ['  su root root'] : []),
    '  rotate 2',
    '  postrotate',
    `    kill -USR1 ${server.pid}`,
    '  endscript',
    '}',
  ]);
  project.chmod('rotate.conf', 0o644);
  for (const round of [1, 2]) {
    execFileSync('logrotate', ['--force', '--state', project.path('state'), project.path('rotate.conf')]);
    await vi.waitFor(() => expect(read('mxcp.log')).toContain('log file opened anew'), PATIENCE);
    await server.admin.reload({ waitMs: 20_000 });
    await vi.waitFor(() => expect(read('mxcp.log')).toContain('reload succeeded'), PATIENCE);
    expect(read('mxcp.log.1')).toContain(round === 1 ? 'ready' : 'reload succeeded');
  }
  expect(server.stderr).not.toContain('Debugger listening');
  await server[Symbol.asyncDispose]();
});
