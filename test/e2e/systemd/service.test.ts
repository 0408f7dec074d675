import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminClient } from '../../../src/admin/client/index.js';
import { callText } from '../../kit/mcp-client.js';
import { NotifyReceiver } from '../../kit/notify-receiver.js';
import { cleanEnv, connectClient, LAUNCHER, SMALL_PROJECT, temporaryFolder, waitFor } from '../cli/mxcp-process.js';

const PROJECT = {
  ...SMALL_PROJECT,
  'config.yml': `mxcp: 1
projects:
  small:
    profiles:
      dev:
        secrets:
          - { name: feed, type: http, parameters: { BEARER_TOKEN: "file://token.txt" } }
`,
  'token.txt': 'first-token',
  'tools/surroundings.yml':
    'mxcp: 1\ntool:\n  name: surroundings\n  language: python\n  source: { file: ../python/surroundings.py }\n',
  'python/surroundings.py':
    'import os\n\ndef surroundings():\n    return [name for name in os.environ if name.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))]\n',
};

/** What systemd does: makes sockets, puts them at 3 and following, and becomes the program. */
const ACTIVATOR = `
import os, socket, sys
names, path, port_file, pid, *command = sys.argv[1:]
sockets = []
for name in names.split(":"):
    if name in ("mcp", "inet"):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        open(port_file, "w").write(str(listener.getsockname()[1]))
    else:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.exists(path + name):
            os.unlink(path + name)
        listener.bind(path + name)
    listener.listen()
    sockets.append(os.dup(listener.fileno()) + 20)
    os.dup2(listener.fileno(), sockets[-1])
for index, descriptor in enumerate(sockets):
    os.dup2(descriptor, 3 + index)
    os.set_inheritable(3 + index, True)
os.environ.update(
    LISTEN_FDS=str(len(sockets)), LISTEN_PID=pid or str(os.getpid()), LISTEN_FDNAMES=names.replace("inet", "admin"))
os.execv(command[0], command)`;

let folder: ReturnType<typeof temporaryFolder>;
let server: Service | undefined;
beforeEach(() => {
  folder = temporaryFolder(PROJECT);
});
afterEach(async () => {
  await server?.stop('SIGKILL');
  server = undefined;
  folder.dispose();
});

/** A server that begins with the shell line of the launcher, as under systemd. */
class Service {
  readonly #child;
  readonly ended: Promise<unknown>;
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, begin: readonly string[] = []) {
    const [command = LAUNCHER, ...rest] = [...begin, LAUNCHER, 'serve', ...args];
    this.#child = spawn(command, rest, {
      cwd: folder.path,
      env: { ...cleanEnv(folder.path), MXCP_CONFIG: join(folder.path, 'config.yml'), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = once(this.#child, 'close');
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.kill(signal);
    await this.ended;
  }

  async ready(): Promise<string> {
    await waitFor(() => / ready url=/.test(this.stderr) || this.exitCode !== null, 'the server to be ready');
    return / ready url=(\S+)/.exec(this.stderr)?.[1] ?? `not ready: ${this.stderr}`;
  }
}

function activated(names: string, { pid = '', args = [] }: { pid?: string; args?: readonly string[] } = {}): Service {
  const at = (name: string) => join(folder.path, name);
  return new Service(args, {}, ['python3', '-c', ACTIVATOR, names, at('handed-'), at('port'), pid]);
}

describe('a service of the type notify-reload', () => {
  it('says when it is ready, reloads, fails to, stops, and that it is alive', async () => {
    const address = join(folder.path, 'notify');
    using systemd = await NotifyReceiver.open(address);
    const states = (): string[] =>
      systemd.messages.filter((text) => !/^(STATUS|WATCHDOG)=/.test(text)).map((text) => text.replaceAll(/\d+/g, 'N'));
    server = new Service(['--port', '0'], { NOTIFY_SOCKET: address, WATCHDOG_USEC: '400000' });
    const url = await server.ready();
    await waitFor(() => systemd.messages.filter((text) => text === 'WATCHDOG=1').length >= 3, 'signs of life');
    server.kill('SIGHUP');
    await waitFor(() => states().length >= 3, 'the reload');
    writeFileSync(join(folder.path, 'token.txt'), '');
    expect(states()).toEqual([
      'READY=N\nSTATUS=generation N, N calls running',
      'RELOADING=N\nMONOTONIC_USEC=N\nSTATUS=generation N, N calls running, reloading',
      expect.stringMatching(/^READY=N\nSTATUS=generation N, N calls running, last reload succeeded at N-/),
    ]);
    writeFileSync(join(folder.path, 'config.yml'), 'mxcp: [');
    server.kill('SIGHUP');
    await waitFor(() => states().length >= 5, 'the reload that fails');
    expect(states()[4]).toMatch(/^READY=N\nSTATUS=generation N, .* last reload FAILED at \S+ at stage load: /);

    const client = await connectClient(url);
    expect(await callText(client, 'surroundings')).toBe('[]');
    await client.close();
    await server.stop('SIGTERM');
    expect(server.exitCode).toBe(0);
    expect(states()[5]).toBe('STOPPING=N\nSTATUS=shutting down, N calls running');
    expect(states()).toHaveLength(6);
  });
});

describe('sockets that systemd hands over', () => {
  it('are used by name, and left in their place', async () => {
    server = activated('mcp:admin:probe');
    const url = await server.ready();
    const admin = new AdminClient({ socketPath: join(folder.path, 'handed-admin') });
    const probe = new AdminClient({ socketPath: join(folder.path, 'handed-probe') });
    expect(await admin.status()).toMatchObject({
      admin_socket: { path: join(folder.path, 'handed-admin'), probe_path: join(folder.path, 'handed-probe') },
    });
    expect((await probe.health()).status).toBe('ok');
    await expect(probe.config()).rejects.toMatchObject({ code: 'read_only_socket' });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    const client = await connectClient(url);
    expect(await callText(client, 'surroundings')).toBe('[]');
    await client.close();
    await server.stop('SIGTERM');
    expect(server.exitCode).toBe(0);
    for (const name of ['handed-admin', 'handed-probe'])
      expect(lstatSync(join(folder.path, name)).isSocket()).toBe(true);
  });

  it('of another name than ours are refused, and so is a network socket for the admin API', async () => {
    server = activated('admin:other', { args: ['--admin-strict', '--port', '0'] });
    await server.ended;
    expect([server.exitCode, server.stderr]).toEqual([3, expect.stringContaining('a socket named "other"')]);
    server = activated('inet', { args: ['--admin-strict', '--port', '0'] });
    await server.ended;
    expect([server.exitCode, server.stderr]).toEqual([3, expect.stringContaining('is not a Unix socket with a path')]);
    server = activated('mcp:admin', { args: ['--admin-strict', '--no-admin'] });
    expect(await server.ready()).toContain('http://127.0.0.1');
    expect(server.stderr).toContain('admin socket off');
  });

  it('meant for another process are ignored', async () => {
    server = activated('admin', { pid: '1', args: ['--port', '0', '--admin-socket', join(folder.path, 'own.sock')] });
    await server.ready();
    expect(lstatSync(join(folder.path, 'own.sock')).isSocket()).toBe(true);
  });
});
