import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MxcpProcess, type RunOptions, runMxcp, waitFor } from '../e2e/cli/mxcp-process.js';
import type { EngineInstallation } from '../kit/engine-installation.js';
import { freePort, installPackage, type PostgresServer } from '../kit/postgres-server.js';
import { sqlTool, TemporaryProject } from '../kit/projects/temporary-project.js';

const ROOT = join(import.meta.dirname, '../..');
const DEPLOY = join(ROOT, 'deploy');

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/**
 * One project that three replicas serve behind HAProxy: a read-only database file and an attached Postgres. Replicas that end are
 * started again, as systemd does with `Restart=always`. The test disposes it.
 */
export class Fleet implements AsyncDisposable {
  readonly project: TemporaryProject;
  readonly replicas: readonly Replica[];
  readonly url: string;
  readonly #haproxy: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;
  haproxyLog = '';

  private constructor(project: TemporaryProject, env: NodeJS.ProcessEnv, replicas: readonly Replica[], port: number) {
    this.project = project;
    this.#env = env;
    this.replicas = replicas;
    this.url = `http://127.0.0.1:${port}/mcp`;
    const addresses = replicas.map(({ port: own }, index) => [`MXCP_REPLICA_${index + 1}`, `127.0.0.1:${own}`]);
    this.#haproxy = spawn('haproxy', ['-db', '-f', join(DEPLOY, 'haproxy/haproxy.cfg')], {
      env: { ...process.env, MXCP_BIND: `127.0.0.1:${port}`, ...Object.fromEntries(addresses) },
    });
    for (const stream of [this.#haproxy.stdout, this.#haproxy.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.haproxyLog += text));
  }

  /** `servers` has the arguments of three; by default, on free ports with `options`. */
  static async start(
    engine: EngineInstallation,
    postgres: PostgresServer,
    {
      options = [],
      servers,
    }: { readonly options?: readonly string[]; readonly servers?: readonly ServerArguments[] } = {},
  ): Promise<Fleet> {
    if (spawnSync('haproxy', ['-v']).status !== 0) installPackage('haproxy');
    const project = await createProject(engine, postgres);
    const env = { ...process.env, HOME: project.root, MXCP_CONFIG: project.path('config.yml') };
    const place = { cwd: project.root, env, launcher: engine.launcher };
    const replicas = (servers ?? (await freeServers(project, options))).map((server) => new Replica(server, place));
    const fleet = new Fleet(project, env, replicas, await freePort());
    await waitFor(() => fleet.isServedBy(replicas.length), `three replicas: ${fleet.haproxyLog}`);
    return fleet;
  }

  /** Whether HAProxy reaches so many replicas: it logs each change of one. */
  async isServedBy(count: number): Promise<boolean> {
    const ready = await Promise.all(this.replicas.map((replica) => replica.isReady()));
    if (ready.filter(Boolean).length !== count) return false;
    const states = this.replicas.map((_, index) => {
      const changes = [
        ...this.haproxyLog.matchAll(new RegExp(`Server replicas/replica${index + 1} is (UP|DOWN)`, 'g')),
      ];
      return changes.at(-1)?.[1] ?? 'UP';
    });
    return states.filter((state) => state === 'UP').length === count;
  }

  get sockets(): readonly string[] {
    return this.replicas.map(({ socket }) => socket);
  }

  /** Runs a script of `deploy/fleet` as an operator does. */
  async script(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
    const all = { ...this.#env, MXCP: this.project.path('mxcp'), ...env };
    return run(join(DEPLOY, 'fleet', name), args, { cwd: this.project.root, env: all });
  }

  /** Runs commands of the documentation, with this project's `mxcp` and a `systemctl` that ends the process of an instance. */
  async shell(text: string): Promise<Finished> {
    this.project.write('bin/systemctl', [
      '#!/bin/sh',
      'instance=${2#mxcp@}',
      'kill -TERM "$(cat "/run/mxcp/$instance.sock.pid")"',
    ]);
    chmodSync(this.project.path('bin/systemctl'), 0o755);
    const PATH = `${this.project.path('bin')}:${this.project.root}:${process.env['PATH']}`;
    return run('bash', ['-euc', text], { cwd: ROOT, env: { ...this.#env, PATH } });
  }

  rollingReload(...options: string[]): Promise<Finished> {
    return this.script('rolling-reload.sh', [...options, ...this.sockets]);
  }

  /** Each replica is ended by a signal and started again by its supervisor. */
  rollingRestart(): Promise<Finished> {
    return this.script('rolling-restart.sh', ['kill -TERM "$(cat "$1.pid")"', ...this.sockets], { SETTLE: '1' });
  }

  async drain(socket: string): Promise<void> {
    await this.#admin('drain', socket);
  }

  async resume(socket: string): Promise<void> {
    await this.#admin('resume', socket);
  }

  async #admin(command: string, socket: string): Promise<void> {
    const launcher = this.replicas[0]?.launcher ?? '';
    const { code, stderr } = await runMxcp(['admin', command, '--socket', socket], { launcher, env: this.#env });
    if (code !== 0) throw new Error(stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#haproxy.kill();
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    this.project[Symbol.dispose]();
  }
}

async function run(program: string, args: readonly string[], options: SpawnOptions): Promise<Finished> {
  const child = spawn(program, args, options);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = await once(child, 'close');
  return { code: Number(code), output };
}

export interface ServerArguments {
  /** Of `mxcp`. */
  readonly args: readonly string[];
  readonly port: number;
  readonly socket: string;
}

async function freeServers(project: TemporaryProject, options: readonly string[]): Promise<readonly ServerArguments[]> {
  const servers: ServerArguments[] = [];
  for (const name of ['a', 'b', 'c']) {
    const [port, socket] = [await freePort(), project.path(`${name}.sock`)];
    const args = ['--port', String(port), '--health-path', '/healthz', '--admin-socket', socket];
    servers.push({ args: ['serve', ...args, ...options], port, socket });
  }
  return servers;
}

/** One server and its supervisor. */
export class Replica {
  readonly port: number;
  readonly socket: string;
  readonly launcher: string;
  readonly #args: readonly string[];
  readonly #place: RunOptions;
  readonly #supervised: Promise<void>;
  #process!: MxcpProcess;
  #isStopped = false;
  /** How often the process was started. */
  starts = 0;

  constructor({ args, port, socket }: ServerArguments, place: RunOptions & { readonly launcher: string }) {
    this.port = port;
    this.socket = socket;
    this.launcher = place.launcher;
    this.#args = args;
    this.#place = place;
    this.#supervised = this.#supervise();
  }

  get process(): MxcpProcess {
    return this.#process;
  }

  async isReady(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#process.kill('SIGTERM');
    await this.#supervised;
  }

  async #supervise(): Promise<void> {
    mkdirSync(dirname(this.socket), { recursive: true });
    while (!this.#isStopped) {
      this.#process = new MxcpProcess(this.#args, this.#place);
      this.starts += 1;
      writeFileSync(`${this.socket}.pid`, String(this.#process.pid));
      await this.#process.ended;
    }
  }
}

/** The read-only file of the fleet, with another value for each version. Renamed into place, as a pipeline does. */
export async function publishPrices(project: TemporaryProject, launcher: string, factor: number): Promise<void> {
  project.write('publish/mxcp-site.yml', [
    'mxcp: 1',
    'project: publish',
    'profile: dev',
    'profiles:',
    '  dev:',
    '    duckdb: { path: prices.duckdb }',
  ]);
  const env = { ...process.env, HOME: project.root };
  const { code, stderr } = await runMxcp(['query', `CREATE OR REPLACE TABLE prices AS SELECT ${factor} AS factor`], {
    cwd: project.path('publish'),
    launcher,
    env,
  });
  if (code !== 0) throw new Error(`the new file could not be written: ${stderr}`);
  project.rename('publish/prices.duckdb', 'prices.duckdb');
}

async function createProject(engine: EngineInstallation, postgres: PostgresServer): Promise<TemporaryProject> {
  const project = new TemporaryProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: replica',
      'secrets: [warehouse]',
      'extensions: [postgres]',
      'attach:',
      '  - { name: shop, type: postgres, secret: warehouse, readonly: false }',
      'profiles:',
      '  replica:',
      '    duckdb: { path: prices.duckdb, readonly: true }',
    ],
    'config.yml': [
      'mxcp: 1',
      'projects:',
      '  shop:',
      '    profiles:',
      '      replica:',
      '        secrets:',
      '          - name: warehouse',
      '            type: postgres',
      '            parameters:',
      '              HOST: 127.0.0.1',
      `              PORT: ${postgres.port}`,
      '              DATABASE: shop',
      '              USER: file://secrets/user',
      '              PASSWORD: file://secrets/password',
    ],
    'tools/price.yml': sqlTool(
      'price',
      'SELECT (SELECT factor FROM prices) * (SELECT max(amount) FROM shop.articles WHERE id = $id) AS price',
      ['parameters: [{ name: id, type: integer }]', 'return: { type: number }'],
    ),
    'tools/order.yml': sqlTool('order', 'INSERT INTO shop.orders VALUES ($key)', [
      'parameters: [{ name: key, type: string }]',
    ]),
    'tools/report.yml': sqlTool('report', 'SELECT count(*) AS n FROM range(1000000) r WHERE hash(r.range) % 7 = 0', [
      'return: { type: integer }',
    ]),
  });
  engine.putExtensions(project);
  project.write('mxcp', ['#!/bin/sh', `exec "${process.execPath}" "${engine.launcher}" "$@"`]);
  chmodSync(project.path('mxcp'), 0o755);
  useLogin(project, 'app');
  await publishPrices(project, engine.launcher, 1);
  return project;
}

/** The two users of Postgres have the same rights, so a rotation moves from one to the other. */
export function useLogin(project: TemporaryProject, user: 'app' | 'app_b'): void {
  project.write('secrets/user', user);
  project.write('secrets/password', `${user}-password`);
}

/** The tables of the fleet, for an empty Postgres. */
export function createTables(postgres: PostgresServer): void {
  postgres.sql("CREATE USER app PASSWORD 'app-password'; CREATE USER app_b PASSWORD 'app_b-password' IN ROLE app");
  postgres.sql('CREATE DATABASE shop OWNER app');
  postgres.sql(
    'SET ROLE app; CREATE TABLE orders (key text); CREATE TABLE articles (id integer, amount integer); INSERT INTO articles VALUES (1, 10)',
    'shop',
  );
}
