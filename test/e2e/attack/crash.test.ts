import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { httpSecret, TemporaryProject, userConfig } from '../../kit/projects/temporary-project.js';

/** Plays a bug: code of ours throws an error that quotes a secret, and nothing catches it. */
const BUGS = {
  'an error thrown': `process.on('SIGUSR2', () => { throw new Error('cannot use ' + process.env.TOKEN); });`,
  'a promise rejected': `process.on('SIGUSR2', () => { Promise.reject(new Error('cannot use ' + process.env.TOKEN)); });`,
  'something else than an error thrown': `process.on('SIGUSR2', () => { throw { said: 'cannot use' }; });`,
};

describe('an error that nothing catches', () => {
  it.each(Object.entries(BUGS))('(%s) ends the server in an orderly way, with one line', async (_, code) => {
    using project = new TemporaryProject({
      'bug.mjs': code,
      'config.yml': [...userConfig(httpSecret('feed', '${TOKEN}')), 'logging: { path: mxcp.log }'],
    });
    await using server = await ChildServer.start(project, {
      env: { TOKEN: 'crash-quoted-token', NODE_OPTIONS: `--import=${project.path('bug.mjs')}` },
    });
    const { length } = server.stderr;
    server.child.kill('SIGUSR2');
    expect(await server.ended).toBe(70);
    const said = server.stderr.slice(length);
    expect(said.match(/^\S+ FATAL mxcp: .*/gm)).toHaveLength(1);
    expect(said).not.toContain('crash-quoted-token');
    expect(said).not.toMatch(/^ {4}at /m);
    expect(existsSync(project.socketPath)).toBe(false);
    expect(readFileSync(project.path('mxcp.log'), 'utf8')).toContain(' FATAL mxcp: ');
  });
});
