import { chownSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSharedFolder, writeFiles } from './engine/project-files.js';
import { buildImage, docker, eventually, healthOf, IMAGE, stop, tryDocker, untilHealth } from './engine/containers.js';

/** As strict as an orchestrator may be: no capability, nothing writable but what is mounted. */
const HARDENED = [
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--pids-limit=200',
  '--tmpfs=/tmp',
];
const QUICK_HEALTH = ['--health-interval=1s', '--health-retries=2', '--health-start-period=1s'];

const PROJECT = {
  'mxcp-site.yml': 'mxcp: 1\nproject: orphans\nprofile: dev\n',
  'config.yml': `mxcp: 1
projects:
  orphans:
    profiles:
      dev:
        secrets:
          - name: feed
            type: http
            parameters: { BEARER_TOKEN: file:///run/secrets/feed-token }
`,
  'tools/leave_orphan.yml': `mxcp: 1
tool:
  name: leave_orphan
  description: Leaves a process behind that has lost its parent
  language: python
  source: { file: ../python/orphans.py }
  return: { type: integer }
`,
  'tools/sleep.yml': `mxcp: 1
tool:
  name: sleep
  description: Takes longer than a server may take to stop
  language: python
  source: { file: ../python/orphans.py }
  return: { type: integer }
`,
  'python/orphans.py': `import subprocess, time

def leave_orphan():
    # The shell ends at once; its child becomes a child of process 1, and ends a moment later.
    line = subprocess.run(["sh", "-c", "sleep 0.2 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True)
    return int(line.stdout)

def sleep():
    time.sleep(60)
    return 60
`,
};

beforeAll(buildImage, 600_000);

let project: string;
let container: string;
let secrets: string;
let sockets: string;

beforeEach(async () => {
  sockets = await docker('volume', 'create');
  project = createSharedFolder();
  secrets = createSharedFolder();
  writeFiles(project, PROJECT);
  writeFiles(secrets, { 'feed-token': 'token-1\n' });
  chownSync(join(project, 'data'), 1000, 1000);
});

afterEach(async () => {
  await docker('rm', '--force', '--volumes', container);
  await docker('volume', 'rm', sockets);
  for (const folder of [project, secrets]) rmSync(folder, { recursive: true, force: true });
});

async function start(...options: readonly string[]): Promise<void> {
  container = await docker('run', '--detach', ...options, IMAGE);
}

function startProject(...options: readonly string[]): Promise<void> {
  const mounts = ['--volume', `${project}:/mxcp-site:ro`, '--volume', `${project}/data:/mxcp-site/data`];
  const config = ['--volume', `${secrets}:/run/secrets:ro`, '--env', 'MXCP_CONFIG=/mxcp-site/config.yml'];
  return start(...HARDENED, ...QUICK_HEALTH, '--volume', `${sockets}:/run/mxcp`, ...mounts, ...config, ...options);
}

function inside(script: string): Promise<string> {
  return docker('exec', container, 'sh', '-c', script);
}

function call(name: string): Promise<string> {
  return inside(`mxcp run tool ${name}`);
}

async function serverId(): Promise<string> {
  const [, id = ''] = /"pid": (\d+)/.exec(await inside('mxcp admin status --json')) ?? [];
  return id;
}

describe('the image', () => {
  it('serves a small project of its own, as an ordinary user with fixed numbers', async () => {
    await start(...QUICK_HEALTH);
    await untilHealth(container, 'healthy');
    expect(await inside('id -u; id -g; id -un')).toBe('1000\n1000\nmxcp');
    expect(await call('hello -p name=Ada')).toContain('Hello, Ada!');
    expect(await inside('curl -sf --unix-socket /run/mxcp/mxcp.sock http://localhost/health')).toContain('"ok"');
    expect(await docker('logs', container)).not.toContain('ERROR');
  });

  it('has no tools of the build and stays below 420 MB on a base without documents', async () => {
    await start();
    expect((await tryDocker('exec', container, 'sh', '-c', 'command -v npm npx gcc')).exitCode).not.toBe(0);
    expect(await inside('ls /opt/mxcp/node_modules')).not.toMatch(/typescript|vitest|rolldown/);
    const bytes = Number(await docker('image', 'inspect', '--format', '{{.Size}}', IMAGE));
    expect(bytes / 1e6).toBeLessThan(420);
  });

  it('answers its health check in less than 150 ms of processor time', async () => {
    await start();
    await untilHealth(container, 'healthy');
    const times = await inside(
      `i=0; while [ $i -lt 10 ]; do mxcp admin ready >/dev/null || exit 1; i=$((i + 1)); done; times`,
    );
    // The second line of \`times\`: what the children of the shell have used, in their own code and in the kernel.
    const [user = 0, system = 0] = [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)].map(
      ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
    );
    expect(user + system).toBeGreaterThan(0);
    expect(((user + system) / 10) * 1000).toBeLessThan(150);
  });
});

describe('a hardened container with a mounted project', () => {
  it('runs SQL and Python, and leaves no dead process behind', async () => {
    await startProject();
    await untilHealth(container, 'healthy');
    const orphan = (await call('leave_orphan')).trim();
    await eventually(async () => expect(await inside(`test -e /proc/${orphan} || echo gone`)).toBe('gone'));
  });

  it('stops within ten seconds while a call runs that takes longer, and reports success', async () => {
    await startProject();
    await untilHealth(container, 'healthy');
    const calling = tryDocker('exec', container, 'mxcp', 'run', 'tool', 'sleep');
    await eventually(async () => expect(await inside('mxcp admin status --json')).toContain('"active_requests": 1'));
    const { exitCode, elapsedMs } = await stop(container);
    expect(exitCode).toBe(0);
    expect(elapsedMs).toBeLessThan(10_000);
    await calling;
  });

  it('reloads a rotated secret on SIGHUP of the container', async () => {
    await startProject();
    await untilHealth(container, 'healthy');
    writeFiles(secrets, { 'feed-token': 'token-2\n' });
    await docker('kill', '--signal', 'HUP', container);
    await eventually(async () =>
      expect(await inside('mxcp admin status --json')).toContain('"last_reload_status": "success"'),
    );
  });

  it('is unhealthy while the server is frozen, and healthy again afterwards', async () => {
    await startProject();
    await untilHealth(container, 'healthy');
    const server = await serverId();
    await inside(`kill -STOP ${server}`);
    await untilHealth(container, 'unhealthy');
    await inside(`kill -CONT ${server}`);
    await untilHealth(container, 'healthy');
  });

  it('is unhealthy while it waits for a secret, although the process answers', async () => {
    rmSync(join(secrets, 'feed-token'));
    await startProject('--env', 'MXCP_WAIT_FOR_SECRETS=5m');
    await untilHealth(container, 'unhealthy');
    expect(await inside('curl -s --unix-socket /run/mxcp/mxcp.sock http://localhost/health')).toContain('"ok"');
    writeFiles(secrets, { 'feed-token': 'token-1\n' });
    await untilHealth(container, 'healthy');
  });

  it('starts again after the server was killed, over the socket that is left', async () => {
    await startProject('--restart=on-failure');
    await untilHealth(container, 'healthy');
    const started = await docker('inspect', '--format', '{{.State.StartedAt}}', container);
    await tryDocker('exec', container, 'sh', '-c', `kill -KILL ${await serverId()}`);
    await eventually(async () =>
      expect(await docker('inspect', '--format', '{{.State.StartedAt}}', container)).not.toBe(started),
    );
    await untilHealth(container, 'healthy');
  });

  it('keeps to the memory and the processors of the container', async () => {
    await startProject('--memory=512m', '--cpus=1');
    await untilHealth(container, 'healthy');
    const settings = await inside(
      `mxcp query "SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory"`,
    );
    expect(settings).toMatch(/\b1\t256\.0 MiB/);
  });
});

describe('a container that cannot serve', () => {
  it('ends with the reason, instead of running without a project', async () => {
    rmSync(join(project, 'mxcp-site.yml'));
    await startProject();
    await docker('wait', container);
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', container)).not.toBe('0');
    expect((await tryDocker('logs', container)).stderr).toContain('mxcp-site.yml');
    expect(await healthOf(container)).not.toBe('healthy');
  });
});
