import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readPage } from '../contract/docs/doc-blocks.js';
import { Machine } from './machine.js';
import { callOf, installProject, putToken, removeToken, statusOf, waitUntilReady } from './project.js';

const UNITS = 'deploy/systemd';

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.boot('trixie');
  await installProject(machine);
  await machine.install(`${UNITS}/mxcp.service`, '/etc/systemd/system/mxcp.service');
});
afterAll(() => machine[Symbol.asyncDispose]());

const DROP_INS = '/etc/systemd/system/mxcp.service.d';
const dropIn = (name: string) => machine.install(`${UNITS}/mxcp.service.d/${name}`, `${DROP_INS}/${name}`);

beforeEach(async () => {
  await machine.run('systemctl stop mxcp.service mxcp-admin.socket mxcp-http.socket; systemctl reset-failed');
  await machine.succeed(`rm -rf ${DROP_INS} /etc/systemd/system/mxcp-*.socket && systemctl daemon-reload`);
  await putToken(machine);
});

const journalSince = (cursor: string) =>
  machine.succeed(`journalctl -u mxcp --no-pager -o cat --after-cursor='${cursor}'`);
const cursor = async () => /cursor: (\S+)/.exec(await machine.succeed('journalctl -n 0 --show-cursor'))?.[1] ?? '';

describe('our unit under systemd 257', () => {
  it('has no mistake, and the exposure that the page says', async () => {
    expect(await machine.succeed('systemd-analyze verify --man=no mxcp.service')).toBe('');
    const report = await machine.succeed('systemd-analyze security --no-pager mxcp.service | tail -1');
    const exposure = /level for mxcp.service: (\S+)/.exec(report)?.[1] ?? '';
    expect(Number(exposure)).toBeGreaterThan(0);
    expect(readPage('docs/operations/deployment.md')).toContain(`an exposure of ${exposure} `);
  });

  it('starts when the server is ready, and a reload ends when the reload has ended', async () => {
    await machine.succeed('systemctl start mxcp');
    expect(await machine.succeed(callOf('quick'))).toContain('42');
    expect(await statusOf(machine)).toMatchObject({ generation: 1 });
    await machine.succeed('systemctl reload mxcp');
    expect(await statusOf(machine)).toMatchObject({ generation: 2, reload: { last_reload_status: 'success' } });
    expect(await machine.succeed('systemctl show -P StatusText mxcp')).toMatch(
      /^generation 2, 0 calls running, last reload succeeded at /,
    );
    await removeToken(machine);
    await machine.succeed('systemctl reload mxcp');
    expect(await machine.succeed('systemctl show -P StatusText mxcp')).toMatch(
      /^generation 2, 0 calls running, last reload FAILED at \S+ at stage resolve: .*file:\/\/\/etc\/mxcp\/token/,
    );
    const failures = await machine.succeed('journalctl -u mxcp --no-pager -o cat -p err -b');
    expect(failures).toMatch(/^\S+ ERROR reload: reload failed: /m);
    expect(failures).not.toContain(' INFO ');
    expect(await machine.succeed('systemctl is-active mxcp')).toBe('active\n');
    await machine.succeed('systemctl kill --kill-whom=main -s HUP mxcp && systemctl reload mxcp');
    expect(await machine.succeed('systemctl is-active mxcp')).toBe('active\n');
  });

  it('reloads at once after the start', async () => {
    for (let round = 0; round < 3; round += 1) {
      await machine.succeed('systemctl start mxcp & systemctl start mxcp && systemctl reload mxcp; wait');
      expect(await statusOf(machine)).toMatchObject({ generation: 2 });
      await machine.succeed('systemctl stop mxcp');
    }
  });

  it('with the drop-in for it, a reload fails when the reload failed', async () => {
    await dropIn('reload-result.conf');
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp && systemctl reload mxcp');
    expect(await statusOf(machine)).toMatchObject({ generation: 2 });
    await removeToken(machine);
    const at = await cursor();
    expect((await machine.run('systemctl reload mxcp')).code).not.toBe(0);
    expect(await journalSince(at)).toMatch(/^reload failed at resolve [^]*there is no file \/etc\/mxcp\/token/m);
    expect(await machine.succeed(callOf('quick'))).toContain('42');
    await putToken(machine);
    await machine.succeed('systemctl reload mxcp');
  });

  it('ends a server that hangs, and starts another', async () => {
    await machine.write(
      `${DROP_INS}/watchdog.conf`,
      '[Service]\nWatchdogSec=2s\nRestartSec=100ms\nTimeoutAbortSec=1s\n',
    );
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp');
    const { pid } = await statusOf(machine);
    await machine.succeed('sleep 5');
    expect((await statusOf(machine)).pid).toBe(pid);
    await machine.succeed(`kill -STOP ${pid}`);
    await machine.until('systemctl show -P MainPID mxcp', ({ output }) => !['0', String(pid)].includes(output.trim()));
    await waitUntilReady(machine);
    expect(await machine.journal()).toContain('Watchdog timeout');
  });

  it('lets members of the group administrate, and other users not', async () => {
    await dropIn('admin-group.conf');
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp');
    expect(await statusOf(machine)).toMatchObject({ admin_socket: { mode: '0660' } });
    expect(await machine.succeed('mxcp admin status', 'alice')).toContain('generation');
    const refused = await machine.run('mxcp admin status', 'bob');
    expect([refused.code, refused.output]).toEqual([3, expect.stringContaining('/run/mxcp/mxcp.sock')]);
    expect(await machine.journal()).not.toContain('WARN');
  });

  it('stops in its time while a call runs, and logs why', async () => {
    await machine.succeed('systemctl start mxcp');
    const call = machine.run(callOf('slow'));
    await machine.until(
      'curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/status | jq .reload.active_requests',
      ({ output }) => output === '1\n',
    );
    const before = performance.now();
    await machine.succeed('systemctl stop mxcp');
    expect(performance.now() - before).toBeLessThan(12_000);
    expect(await machine.succeed('systemctl show -P Result -P ExecMainStatus mxcp')).toBe('success\n0\n');
    const journal = await machine.journal();
    expect(journal).toContain('shutting down signal=SIGTERM parent=1 calls=1');
    expect(journal).toContain('waiting for calls to end calls=1');
    await call;
  });
});

describe('socket units', () => {
  it('start the server for the first client, and keep their sockets', async () => {
    await dropIn('sockets.conf');
    for (const name of ['mxcp-admin.socket', 'mxcp-http.socket'])
      await machine.install(`${UNITS}/${name}`, `/etc/systemd/system/${name}`);
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp-admin.socket mxcp-http.socket');
    expect((await machine.run('systemctl is-active mxcp.service')).output).toBe('inactive\n');
    expect(await machine.succeed('mxcp admin health', 'alice')).toMatch(/^ok at /);
    await waitUntilReady(machine);
    expect(await machine.succeed(callOf('quick'))).toContain('42');
    expect(await machine.succeed('lsof /run/mxcp/mxcp.sock')).toContain('mxcp');
    await machine.succeed('systemctl restart mxcp.service');
    expect(await statusOf(machine)).toMatchObject({ admin_socket: { mode: '0660' } });
    await machine.succeed('systemctl stop mxcp.service');
    expect(await machine.succeed('test -S /run/mxcp/mxcp.sock && echo there')).toBe('there\n');
    expect(await machine.succeed(callOf('quick'))).toContain('42');
  });
});
