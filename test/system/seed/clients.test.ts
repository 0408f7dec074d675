import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifies } from '../../contract/seed/requirements.js';
import {
  ask,
  callTool,
  createWorkplace,
  startServer,
  until,
  type ServerProcess,
  type Workplace,
} from '../../e2e/seed/running-server.js';
import { atWorkplace, runBash, runProgram, scriptOfGuide } from './run-script.js';

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

describe('single requests with curl', () => {
  it(
    verifies(
      ['SEED-HEALTH-CURL', 'SEED-STATUS-CURL', 'SEED-CONFIG-CURL', 'SEED-RELOAD-CURL'],
      'read and reload over the socket',
    ),
    async () => {
      server = await startServer(workplace);
      const curl = async (options: string, filter: string): Promise<string> => {
        const line = `curl --unix-socket /run/mxcp/mxcp.sock ${options} | jq -r '${filter}'`;
        const { exitCode, stdout, stderr } = await runBash(workplace, line);
        expect(exitCode, stderr).toBe(0);
        return stdout.trim();
      };
      expect(await curl('http://localhost/health', '.status')).toBe('ok');
      expect(await curl('http://localhost/health', '.timestamp | fromdate')).toMatch(/^\d{10}$/);
      expect(await curl('http://localhost/status', '.endpoints.tools')).toBe('2');
      expect(await curl('http://localhost/config', '.duckdb.readonly')).toBe('false');
      expect(await curl('-X POST http://localhost/reload', '.status')).toBe('reload_initiated');
    },
  );
});

describe('the clients of the guide', () => {
  it(verifies('SEED-CLIENT-BASH', 'Bash'), async () => {
    server = await startServer(workplace);
    const { exitCode, stdout, stderr } = await runBash(workplace, scriptOfGuide('Bash'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^Health: ok\nUptime: 0h0m\d+s\nTools: 2\nReload: reload_initiated\n$/);
  });

  it(verifies('SEED-CLIENT-PYTHON', 'Python'), async () => {
    server = await startServer(workplace);
    const script = atWorkplace(workplace, scriptOfGuide('Python', 'python'));
    const { exitCode, stdout, stderr } = await runProgram(workplace, ['python3', '-c', script]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^Status: ok\nUptime: 0h0m\d+s\nEndpoints: \{'tools': 2, 'prompts': 1, 'resources': 1\}\nReload: reload_initiated\n$/,
    );
  });
});

describe('check-mxcp.sh', () => {
  const check = () => runBash(workplace, scriptOfGuide('A check for monitoring'));

  it(verifies('SEED-MONITOR-OK', 'is content with a server that is well'), async () => {
    server = await startServer(workplace);
    const { exitCode, stdout } = await check();
    expect(stdout).toMatch(/^OK: MXCP v\d+\.\d+\.\d+, uptime 0h0m\d+s, 2 tools\n$/);
    expect(exitCode).toBe(0);
  });

  it(verifies('SEED-MONITOR-NO-SOCKET', 'is critical without a socket'), async () => {
    expect(await check()).toMatchObject({ exitCode: 2, stdout: 'CRITICAL: Admin socket not found\n' });
  });

  it(verifies('SEED-MONITOR-NO-CONNECTION', 'is critical when the server was killed'), async () => {
    const killed = await startServer(workplace);
    await killed.stop('SIGKILL');
    expect(await check()).toMatchObject({ exitCode: 2, stdout: 'CRITICAL: Cannot connect to admin socket\n' });
  });

  it(verifies('SEED-MONITOR-DEGRADED', 'warns of a server that is shutting down'), async () => {
    workplace.write(
      'tools/slow.yml',
      'mxcp: 1\ntool:\n  name: slow\n  source: { code: "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b" }\n',
    );
    const stopping = await startServer(workplace);
    const call = callTool(stopping, 'slow').catch(() => 'interrupted');
    const active = async (): Promise<boolean> => {
      const { body } = await ask<{ reload: { active_requests: number } }>(workplace.socket, '/status');
      return body.reload.active_requests === 1;
    };
    await until(active, 'the slow call to run');
    const ended = stopping.stop();
    await stopping.logged('shutting down');
    expect(await check()).toMatchObject({ exitCode: 1, stdout: 'WARNING: MXCP status is degraded\n' });
    expect(await ended).toBe(0);
    await call;
  });

  it(verifies('SEED-MONITOR-RELOAD', 'warns after a reload that failed, until one goes well'), async () => {
    server = await startServer(workplace);
    rmSync(`${workplace.project}/secrets/feed-token`);
    await ask(workplace.socket, '/reload?wait=30s', 'POST');
    expect(await check()).toMatchObject({ exitCode: 1, stdout: 'WARNING: Last reload failed\n' });
    workplace.write('secrets/feed-token', 'a-token-again');
    await ask(workplace.socket, '/reload?wait=30s', 'POST');
    expect((await check()).exitCode).toBe(0);
  });

  it(
    verifies('SEED-MONITOR-NO-CONNECTION', 'is not fooled by another process that listens and answers nothing'),
    async () => {
      mkdirSync(dirname(workplace.socket));
      const silent = createServer((socket) => socket.destroy()).listen(workplace.socket);
      expect(await check()).toMatchObject({ exitCode: 2, stdout: 'CRITICAL: Cannot connect to admin socket\n' });
      silent.close();
    },
  );
});
