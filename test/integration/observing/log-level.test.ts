import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { startShop } from '../../kit/projects/shop.js';
import { TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';
import { InProcessServer } from '../../kit/in-process-server.js';

describe('the level of the log', () => {
  it('can be changed while the server runs, stays over a reload, and is shown by /status and an event', async () => {
    const { server } = await startShop('readonly');
    expect(await server.admin.logLevel()).toEqual({ level: 'info', configured: 'info', until: null });
    const events = server.admin.events({ types: ['loglevel'] });
    await events.next();
    const chosen = await server.admin.setLogLevel('debug', { for: '10m' });
    expect(chosen).toMatchObject({ level: 'debug', configured: 'info', until: expect.stringMatching(/Z$/) });
    expect((await events.next()).value).toMatchObject({
      event: 'loglevel',
      data: { level: 'debug', configured: 'info' },
    });
    const client = await connectTo(server.url);
    await callText(client, 'price');
    await vi.waitFor(() => expect(server.logLines.join('')).toContain('DEBUG calls: call ended'));
    await server.admin.reload({ waitMs: 20_000 });
    expect((await server.admin.status()).log_level).toEqual(chosen);
    await server.admin.setLogLevel('default');
    expect((await events.next()).value).toMatchObject({ data: { level: 'info', until: null } });
    await events.return(undefined);
    await client.close();
  });

  it.each([
    [{ level: 'loud' }, 'body field "level": must be debug, info, warn, error, or default for the configured one'],
    [{}, 'body field "level": must be debug, info, warn, error, or default for the configured one'],
    [{ level: 'debug', for: '2 weeks' }, 'body field "for": must be a time such as 90s, 10m or 2h, at most 24h'],
    [{ level: 'debug', for: '25h' }, 'body field "for": must be a time such as 90s, 10m or 2h, at most 24h'],
    [{ level: 'debug', until: 'x' }, 'unknown body field "until"; this route takes level, for'],
  ])('is not changed by %j', async (body, message) => {
    const { server } = await startShop('readonly');
    // From JavaScript anything may come.
    const wrong = server.admin.setLogLevel(undefined as unknown as 'debug', body as { for: string });
    await expect(wrong).rejects.toMatchObject({ code: 'bad_request', message });
    expect((await server.admin.logLevel()).level).toBe('info');
  });
});

describe('the log file', () => {
  it('is opened anew after logrotate has renamed it, and no line is lost', async () => {
    using project = new TemporaryProject({ 'config.yml': [...userConfig(), 'logging: { path: mxcp.log }'] });
    await using server = await InProcessServer.start(project);
    const read = (name: string): string => readFileSync(project.path(name), 'utf8');
    await vi.waitFor(() => expect(read('mxcp.log')).toContain('ready'));
    project.rename('mxcp.log', 'mxcp.log.1');
    server.server.logger.info('between rename and signal');
    server.server.reopenLog();
    server.server.logger.info('after the signal');
    await vi.waitFor(() => expect(read('mxcp.log')).toContain('after the signal'));
    await vi.waitFor(() => expect(read('mxcp.log.1')).toContain('between rename and signal'));
    expect(read('mxcp.log')).toContain('log file opened anew');
    expect(read('mxcp.log')).not.toContain('between rename');
  });

  it('that there is none is said, and nothing happens', async () => {
    using project = new TemporaryProject();
    await using server = await InProcessServer.start(project);
    server.server.reopenLog();
    expect(server.logLines.join('')).toContain('SIGUSR1 ignored: the configuration names no log file');
  });
});
