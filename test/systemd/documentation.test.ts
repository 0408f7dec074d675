import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allBlocks, nameOfBlock, blocksOf } from '../contract/docs/doc-blocks.js';
import { Machine } from './machine.js';
import { installProject, putToken, removeToken, statusOf, waitUntilReady } from './project.js';

describe('the commands of the pages for systemd, in order, under 257', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.boot('trixie');
    await installProject(machine);
  });
  afterAll(() => machine[Symbol.asyncDispose]());

  const blocks = allBlocks().filter(({ tags }) => tags.join(' ') === 'systemd');
  it.each(blocks.map((block) => [nameOfBlock(block), block] as const))('%s', async (_name, { text }) => {
    await machine.succeed(`cd /usr/lib/mxcp && set -eo pipefail\n${text}`);
  });
});

describe('the unit on the page of the admin socket, under 252', () => {
  const page = blocksOf('docs/operations/admin-socket.md');
  const unit = page.find(({ text }) => text.includes('Description=MXCP MCP Server'))?.text ?? '';
  const commandsUnder = (heading: string): string[] =>
    page
      .filter(({ headings, language }) => headings.at(-1) === heading && language === 'bash')
      .flatMap(({ text }) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));

  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.boot('bookworm');
    await installProject(machine);
    await machine.write('/etc/systemd/system/mxcp.service', unit);
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp');
    await waitUntilReady(machine);
  });
  afterAll(() => machine[Symbol.asyncDispose]());

  it('serves, and reloads by a signal, whose failure only the log and the status show', async () => {
    await machine.succeed('systemctl reload mxcp');
    await machine.until(
      'curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/status | jq -r .reload.last_reload_status',
      ({ output }) => output === 'success\n',
    );
    await removeToken(machine);
    await machine.succeed('systemctl reload mxcp');
    await machine.until(
      'curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/status | jq -r .reload.last_reload_status',
      ({ output }) => output === 'error\n',
    );
    expect(await machine.journal()).toMatch(/ERROR reload: reload failed: /);
    await putToken(machine);
    expect(await statusOf(machine)).toMatchObject({ generation: 2 });
  });

  it.each([
    ['There is no socket', /MXCP_ADMIN|mxcp\.sock|admin socket listening/],
    ['Permission denied', /srw-------|root|"status":"ok"/],
    ['Connection refused', /active \(running\)|Socket exists|mxcp/],
    ['A reload failed', /"last_reload_status": "error"|reference_unresolved|ERROR/],
  ])('the commands under "%s" show what they should', async (heading, shown) => {
    const commands = commandsUnder(heading);
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) {
      // Of the administrator, who has not set the variables of the service.
      const prefix = command.startsWith('env ') ? 'MXCP_ADMIN_ENABLED=true ' : '';
      expect(await machine.succeed(`${prefix}${command}`), command).toMatch(shown);
    }
  });

  it('stops without leaving its socket, and says so', async () => {
    await machine.succeed('systemctl stop mxcp');
    expect((await machine.run('test -e /run/mxcp/mxcp.sock')).code).toBe(1);
    expect(await machine.journal()).toContain('shutting down signal=SIGTERM parent="1 (systemd)"');
    expect(await machine.succeed('systemctl show -P Result mxcp')).toBe('success\n');
  });

  it('survives a reload at once after the start with RestartForceExitStatus', async () => {
    await machine.write(
      '/etc/systemd/system/mxcp.service.d/hup.conf',
      '[Service]\nRestartForceExitStatus=SIGHUP\nRestartSec=100ms\n',
    );
    await machine.succeed('systemctl daemon-reload');
    for (let round = 0; round < 3; round += 1) {
      await machine.succeed('systemctl start mxcp && systemctl reload mxcp');
      await waitUntilReady(machine);
      await machine.succeed('systemctl stop mxcp');
    }
  });

  it('makes a failed reload fail with the drop-in for versions before 253', async () => {
    await machine.install(
      'deploy/systemd/mxcp.service.d/reload-result.conf',
      '/etc/systemd/system/mxcp.service.d/reload-result.conf',
    );
    await machine.install('deploy/systemd/mxcp.service', '/etc/systemd/system/mxcp.service');
    await machine.succeed('systemctl daemon-reload && systemctl start mxcp && systemctl reload mxcp');
    expect(await statusOf(machine)).toMatchObject({ generation: 2 });
    await removeToken(machine);
    expect((await machine.run('systemctl reload mxcp')).code).toBe(1);
    await putToken(machine);
    await machine.succeed('systemctl reload mxcp && systemctl stop mxcp');
  });
});
