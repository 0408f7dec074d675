import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const CANNOT_WRITE = 'the log file cannot be written';

afterEach(() => {
  vi.useRealTimers();
});

function projectWithLog(path: string): TemporaryProject {
  return new TemporaryProject({ 'config.yml': ['mxcp: 1', `logging: { path: "${path}" }`] });
}

describe('the log file', () => {
  it('is made with its folders, and has what standard error has', async () => {
    using project = projectWithLog('logs/today/mxcp.log');
    const server = await InProcessServer.start(project);
    await server[Symbol.asyncDispose]();
    const written = readFileSync(project.path('logs/today/mxcp.log'), 'utf8');
    expect(server.logLines.join('')).toContain(written);
    expect(written).toContain(' ready url=');
  });

  it.each(['mxcp-site.yml/mxcp.log', 'home'])(
    'that cannot be written (%s) is reported in one line, and the server serves',
    async (path) => {
      using project = projectWithLog(path);
      project.write('home/any', '');
      await using server = await InProcessServer.start(project);
      await vi.waitFor(() => expect(server.logLines.filter((line) => line.includes(CANNOT_WRITE))).toHaveLength(1));
      expect((await server.admin.health()).status).toBe('ok');
    },
  );

  it('is taken up again once it can be written', async () => {
    using project = projectWithLog('logs/mxcp.log');
    project.write('logs', 'a file where a folder has to be');
    await using server = await InProcessServer.start(project);
    await vi.waitFor(() => expect(server.logLines.join('')).toContain(CANNOT_WRITE));
    project.remove('logs');
    vi.useFakeTimers({ toFake: ['performance'] });
    server.server.logger.info('too early');
    vi.advanceTimersByTime(10 * 60_000);
    server.server.logger.info('late enough');
    vi.useRealTimers();
    await vi.waitFor(() => expect(readFileSync(project.path('logs/mxcp.log'), 'utf8')).toContain('late enough'));
    expect(readFileSync(project.path('logs/mxcp.log'), 'utf8')).not.toContain('too early');
  });
});
