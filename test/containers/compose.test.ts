import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { blockUnder, repository } from '../contract/docs/doc-blocks.js';
import {
  buildImage,
  ComposeProject,
  docker,
  eventually,
  IMAGE,
  inNetwork,
  stop,
  untilHealth,
} from './engine/containers.js';
import { succeed } from './engine/commands.js';

const PAGE = 'docs/operations/admin-socket.md';

beforeAll(buildImage, 600_000);

/** The compose file that users have copied, with the health check that the same page adds to it, on a faster clock. */
function writeUserCompose({ folder }: ComposeProject): void {
  // The line that Compose files of its time began with.
  writeFileSync(join(folder, 'docker-compose.yml'), `version: '3.8'\n${shownUnder('A shared socket')}`);
  writeFileSync(join(folder, 'health.yml'), shownUnder('Health check').replace('30s', '1s').replace('10s', '2s'));
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${IMAGE}\n`);
}

function shownUnder(heading: string): string {
  return blockUnder(PAGE, heading, 'yaml').text;
}

function post(body: object): Promise<string> {
  const headers = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];
  const options = headers.flatMap((header) => ['-H', header]);
  return inNetwork('curl', '-sS', ...options, '-d', JSON.stringify(body), 'http://localhost:8000/mcp');
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

describe('the compose file of the admin socket, as users have copied it', () => {
  async function up(): Promise<ComposeProject> {
    const project = new ComposeProject('docker-compose.yml', 'health.yml');
    writeUserCompose(project);
    await project.compose('up', '--detach', '--build');
    return project;
  }

  it('is healthy, publishes its port, and lets the sidecar of another user probe the server', async () => {
    await using project = await up();
    await untilHealth(await project.containerOf('mxcp'), 'healthy');
    expect(await post(INITIALIZE)).toContain('"serverInfo"');
    expect(await project.compose('exec', 'admin', 'id', '-u')).toBe('100');
    const socket = ['--unix-socket', '/run/mxcp/probe.sock'];
    const probe = await project.compose('exec', 'admin', 'curl', '-sf', ...socket, 'http://localhost/readyz');
    expect(JSON.parse(probe)).toMatchObject({ status: 'ok' });
  });

  it('keeps the sidecar from reloading, which the probe socket cannot do', async () => {
    await using project = await up();
    await untilHealth(await project.containerOf('mxcp'), 'healthy');
    const socket = ['exec', 'admin', 'curl', '-sS', '--unix-socket'];
    const admin = await project.tryCompose(...socket, '/run/mxcp/mxcp.sock', 'http://localhost/health');
    expect(admin.exitCode).not.toBe(0);
    expect(await project.compose(...socket, '/run/mxcp/probe.sock', '-XPOST', 'http://localhost/reload')).toContain(
      'read_only_socket',
    );
  });

  it('stops in less than ten seconds with exit code 0, and starts again on the same volume', async () => {
    await using project = await up();
    const container = await project.containerOf('mxcp');
    await untilHealth(container, 'healthy');
    const stopped = await stop(container);
    expect(stopped.exitCode).toBe(0);
    expect(stopped.elapsedMs).toBeLessThan(10_000);
    await project.compose('start', 'mxcp');
    await untilHealth(container, 'healthy');
    await docker('kill', container);
    await project.compose('start', 'mxcp');
    await untilHealth(container, 'healthy');
  });

  it('is unhealthy while the server is frozen', async () => {
    await using project = await up();
    const container = await project.containerOf('mxcp');
    await untilHealth(container, 'healthy');
    const status = await project.compose('exec', 'mxcp', 'mxcp', 'admin', 'status', '--json');
    // The server's own answer.
    const { pid } = JSON.parse(status) as { readonly pid: number };
    await project.compose('exec', 'mxcp', 'sh', '-c', `kill -STOP ${pid}`);
    await untilHealth(container, 'unhealthy');
    await project.compose('exec', 'mxcp', 'sh', '-c', `kill -CONT ${pid}`);
    await untilHealth(container, 'healthy');
  });

  it('gives a fresh volume to the server, also when the sidecar was first to mount it', async () => {
    const project = new ComposeProject('docker-compose.yml', 'health.yml');
    await using _ = project;
    writeUserCompose(project);
    await project.compose('up', '--detach', '--build', 'admin');
    await project.compose('up', '--detach', 'mxcp');
    await untilHealth(await project.containerOf('mxcp'), 'healthy');
    expect(await project.compose('exec', 'mxcp', 'stat', '-c', '%U %a', '/run/mxcp')).toBe('mxcp 755');
  });
});

describe('a sidecar in the group of the socket', () => {
  it('reloads the server', async () => {
    const project = new ComposeProject('docker-compose.yml', 'health.yml', 'group.yml');
    await using _ = project;
    writeUserCompose(project);
    writeFileSync(join(project.folder, 'group.yml'), shownUnder('A sidecar that reloads'));
    await project.compose('up', '--detach', '--build');
    await untilHealth(await project.containerOf('mxcp'), 'healthy');
    const socket = ['--unix-socket', '/run/mxcp/mxcp.sock'];
    const request = [...socket, '-X', 'POST', 'http://localhost/reload'];
    const reload = await project.compose('exec', 'admin', 'curl', '-sf', ...request);
    expect(reload).toContain('reload_initiated');
  });
});

describe('a sidecar that only monitors', () => {
  it('reads readiness and does not see the admin socket', async () => {
    const project = new ComposeProject('monitor.yml');
    await using _ = project;
    writeUserCompose(project);
    const shown = shownUnder('A sidecar that only monitors').replace('sleep 30', 'sleep 1');
    writeFileSync(join(project.folder, 'monitor.yml'), shown);
    await project.compose('up', '--detach', '--build');
    await eventually(async () => expect(await project.compose('logs', 'monitor')).toContain('"status":"ok"'));
    expect((await project.tryCompose('exec', 'monitor', 'ls', '/run/mxcp')).exitCode).not.toBe(0);
  });
});

describe('what `mxcp init --docker` writes', () => {
  it('builds the image of the project and serves it, without the tools of the welcome project', async () => {
    await using project = new ComposeProject();
    const made = ['init', '--docker', '--project', 'shop', '.'];
    await succeed(join(repository, 'bin', 'mxcp'), made, { cwd: project.folder });
    cpSync(join(project.folder, 'tools', 'hello.yml'), join(project.folder, 'tools', 'greet.yml'));
    await succeed('sed', ['-i', 's/name: hello/name: greet/', join(project.folder, 'tools', 'greet.yml')]);
    await succeed('rm', [join(project.folder, 'tools', 'hello.yml')]);
    await project.compose('build', '--build-arg', `MXCP_IMAGE=${IMAGE}`);
    await project.compose('up', '--detach');
    await untilHealth(await project.containerOf('mxcp'), 'healthy');
    expect(await project.compose('exec', 'mxcp', 'mxcp', 'run', 'tool', 'greet', '-p', 'name=Ada')).toContain('Ada');
    const status = await project.compose('exec', 'mxcp', 'mxcp', 'admin', 'status', '--json');
    expect(JSON.parse(status)).toMatchObject({ endpoints: { tools: 1 } });
    await eventually(async () => expect(await post(INITIALIZE)).toContain('"shop"'));
  });
});
