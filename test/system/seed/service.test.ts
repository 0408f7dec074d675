import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { Status } from '../../../src/admin/client/index.js';
import { verifies } from '../../contract/seed/requirements.js';
import {
  ask,
  createWorkplace,
  spawnServer,
  startServer,
  until,
  type ServerProcess,
  type Workplace,
} from '../../e2e/seed/running-server.js';
import { atWorkplace, runBash, runProgram, scriptOfGuide } from './run-script.js';

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly environment?: readonly string[];
        readonly volumes?: readonly string[];
        readonly command?: readonly string[];
        readonly healthcheck?: { readonly test: readonly string[] };
      }
    >
  >;
}

let workplace: Workplace;
let server: ServerProcess | undefined;

beforeEach(() => {
  workplace = createWorkplace();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  workplace.remove();
});

// The shape is what these tests need of it; what is missing makes them fail.
const composeUnder = (heading: string) => parseYaml(scriptOfGuide(heading, 'yaml')) as ComposeFile;

const reloaded = async (): Promise<boolean> =>
  (await ask<Status>(workplace.socket, '/status')).body.reload.last_reload_status === 'success';

describe('the compose file of the guide', () => {
  it(verifies('SEED-COMPOSE', 'starts the server with a socket in the folder that both share'), async () => {
    const { services } = composeUnder('A shared socket');
    const folders = ['mxcp', 'admin'].map((name) => services[name]?.volumes?.[0]?.split(':')[1]);
    expect(folders).toEqual(['/run/mxcp', '/run/mxcp']);
    const variables = Object.fromEntries(
      (services['mxcp']?.environment ?? []).map((line) => atWorkplace(workplace, line).split('=', 2)),
    );
    expect(variables).toEqual({ MXCP_ADMIN_ENABLED: 'true', MXCP_ADMIN_SOCKET: workplace.socket });
    server = await startServer(workplace, variables);
    const { stdout } = await runBash(
      workplace,
      'curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/health | jq -r .status',
    );
    expect(stdout).toBe('ok\n');
  });

  it(verifies('SEED-COMPOSE-HEALTHCHECK', 'has a health check that distinguishes up from down'), async () => {
    const [kind, ...test] = composeUnder('Health check').services['mxcp']?.healthcheck?.test ?? [];
    expect(kind).toBe('CMD');
    const check = () =>
      runProgram(
        workplace,
        test.map((word) => atWorkplace(workplace, word)),
      );
    expect((await check()).exitCode).not.toBe(0);
    server = await startServer(workplace);
    expect((await check()).exitCode).toBe(0);
    await server.stop('SIGKILL');
    expect((await check()).exitCode).not.toBe(0);
  });
});

describe('the unit of the guide', () => {
  const settingsOf = (name: string): readonly string[] =>
    scriptOfGuide('systemd', 'ini')
      .split('\n')
      .filter((line) => line.startsWith(`${name}=`))
      .map((line) => line.slice(name.length + 1));

  it(verifies(['SEED-UNIT', 'SEED-UNIT-HANGUP'], 'starts a server that its reload command reloads'), async () => {
    const variables = Object.fromEntries(
      settingsOf('Environment').map((text) => atWorkplace(workplace, text.replaceAll('"', '')).split('=', 2)),
    );
    const [start = ''] = settingsOf('ExecStart');
    const [program, ...options] = start.split(' ');
    expect(program).toBe('/usr/local/bin/mxcp');
    expect(options).toEqual(['serve']);
    server = spawnServer(workplace, { ...workplace.environment, ...variables });
    await server.logged('ready url=');
    const [reload = ''] = settingsOf('ExecReload');
    const { exitCode } = await runProgram(workplace, ['bash', '-c', reload], { MAINPID: String(server.pid) });
    expect(exitCode).toBe(0);
    await until(reloaded, 'the reload');
  });

  it(verifies('SEED-UNIT-RUNTIME-FOLDER', 'names the folder that the socket is in'), () => {
    const [folder] = settingsOf('RuntimeDirectory');
    expect(settingsOf('Environment').join()).toContain(`/run/${folder}/mxcp.sock`);
    expect(settingsOf('RuntimeDirectoryMode')).toEqual(['0755']);
    expect(dirname('/run/mxcp/mxcp.sock')).toBe(`/run/${folder}`);
  });
});
