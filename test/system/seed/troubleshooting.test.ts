import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifies } from '../../contract/seed/requirements.js';
import {
  ask,
  adminEnvironment,
  createWorkplace,
  spawnServer,
  startServer,
  type ServerProcess,
  type Workplace,
} from '../../e2e/seed/running-server.js';
import { runBash, type Ran } from './run-script.js';

let workplace: Workplace;
let server: ServerProcess;

beforeEach(async () => {
  workplace = createWorkplace();
  server = await startServer(workplace);
});

afterEach(async () => {
  await server.stop();
  workplace.remove();
});

/** Runs a command that reads the journal, with the log of the server in its place. */
function runOnLog(filter: string): Promise<Ran> {
  workplace.write('journal', server.log());
  return runBash(workplace, `cat '${workplace.project}/journal' ${filter}`);
}

describe('the commands for trouble find their line', () => {
  it(verifies('SEED-TROUBLE-ENV', 'whether the socket was asked for'), async () => {
    const { stdout } = await runBash(workplace, 'env | grep MXCP_ADMIN');
    expect(stdout).toContain('MXCP_ADMIN_ENABLED=true');
    expect(stdout).toContain(`MXCP_ADMIN_SOCKET=${workplace.socket}`);
  });

  it(verifies('SEED-MODE-LS', 'whose the socket is, and its mode'), async () => {
    const { stdout } = await runBash(workplace, 'ls -la /run/mxcp/ | grep mxcp.sock; id -un; id -gn');
    const [listed = '', user, group] = stdout.split('\n');
    expect(listed).toMatch(/^srw-------/);
    expect(listed.split(/\s+/).slice(2, 4)).toEqual([user, group]);
  });

  it(verifies('SEED-TROUBLE-LOG', 'what the server says about it'), async () => {
    const { stdout } = await runOnLog('| grep admin');
    expect(stdout).toContain(workplace.socket);
    expect(stdout).toContain('listening');
  });

  it.each([
    ['a value that switches nothing', { MXCP_ADMIN_ENABLED: 'yess' }, 'must be one of'],
    ['a mode for everybody', { MXCP_ADMIN_SOCKET_MODE: '0666' }, 'must not give everybody access'],
    ['a path that cannot be used', { MXCP_ADMIN_SOCKET: '/proc/x/mxcp.sock', MXCP_ADMIN_STRICT: '1' }, 'cannot open'],
    ['a file at the path', { MXCP_ADMIN_SOCKET: '/etc/hostname', MXCP_ADMIN_STRICT: '1' }, 'is a file'],
    ['a variable that is not known', { MXCP_ADMIN_SOKET: '/tmp/x', MXCP_ADMIN_ENABLED: 'off' }, 'did you mean'],
  ])(verifies('SEED-TROUBLE-LOG', 'why there is no socket: %s'), async (_what, variables, reason) => {
    await server.stop();
    server = spawnServer(workplace, { ...adminEnvironment(workplace), ...variables });
    if (reason === 'did you mean') await server.logged('ready url=');
    else await server.ended;
    const { stdout } = await runOnLog('| grep admin');
    expect(stdout).toContain(reason);
  });

  it(verifies('SEED-TROUBLE-REFUSED', 'that there is a socket'), async () => {
    await server.stop('SIGKILL');
    const { stdout } = await runBash(
      workplace,
      'test -S /run/mxcp/mxcp.sock && echo "Socket exists"; curl --unix-socket /run/mxcp/mxcp.sock http://localhost/health; echo $?',
    );
    const COULD_NOT_CONNECT = 7;
    expect(stdout).toBe(`Socket exists\n${COULD_NOT_CONNECT}\n`);
  });

  it(verifies('SEED-TROUBLE-LSOF', 'that a process listens'), async () => {
    const { stdout } = await runBash(workplace, 'lsof -U | grep mxcp');
    const ours = stdout.split('\n').filter((line) => line.split(/\s+/)[1] === String(server.pid));
    expect(ours.join('\n')).toMatch(/^mxcp .*LISTEN/m);
  });

  it(verifies(['SEED-TROUBLE-RELOAD', 'SEED-TROUBLE-RELOAD-LOG'], 'why a reload failed'), async () => {
    rmSync(`${workplace.project}/secrets/feed-token`);
    await ask(workplace.socket, '/reload?wait=30s', 'POST');
    const { stdout } = await runBash(
      workplace,
      `curl --unix-socket /run/mxcp/mxcp.sock http://localhost/status | jq '.reload'`,
    );
    expect(JSON.parse(stdout)).toMatchObject({
      last_reload_status: 'error',
      last_reload_error: expect.stringContaining('feed-token'),
    });
    const { stdout: logged } = await runOnLog('| grep ERROR');
    expect(logged).toContain('reload failed');
  });

  it(verifies('SEED-TROUBLE-PERMISSION', 'that the owner is let in'), async () => {
    const { stdout } = await runBash(
      workplace,
      'ls -la /run/mxcp/mxcp.sock; whoami; curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/health | jq -r .status',
    );
    expect(stdout.trim().split('\n').at(-1)).toBe('ok');
  });
});
