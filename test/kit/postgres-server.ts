import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian puts each version; Postgres itself refuses to run as root. */
const VERSIONS = '/usr/lib/postgresql';
const ACCOUNT = 'postgres';
const isRoot = process.getuid?.() === 0;

/** A real Postgres on a port of loopback, with one ordinary user who logs in with a password. The test disposes it. */
export class PostgresServer implements Disposable {
  readonly port: number;
  readonly #folder: string;
  readonly #programs: string;

  private constructor(port: number, folder: string, programs: string) {
    this.port = port;
    this.#folder = folder;
    this.#programs = programs;
  }

  /** Installs Debian's server first if none is there. */
  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'mxcp-pg-'));
    chmodSync(folder, 0o755);
    if (isRoot) execFileSync('chown', [ACCOUNT, folder]);
    const server = new PostgresServer(await freePort(), folder, findPrograms());
    server.#run('initdb', ['-D', server.#data, '-U', ACCOUNT, '--auth-local=trust', '--auth-host=scram-sha-256']);
    server.start();
    return server;
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  start(): void {
    const options = `-p ${this.port} -k ${this.#folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300`;
    this.#run('pg_ctl', ['-D', this.#data, '-o', options, '-l', join(this.#folder, 'log'), '-w', 'start']);
  }

  stop(): void {
    this.#run('pg_ctl', ['-D', this.#data, '-m', 'fast', '-w', 'stop']);
  }

  /** As its superuser, over its own socket. Returns the rows as lines. */
  sql(text: string, database = 'postgres'): string {
    const target = ['-h', this.#folder, '-p', String(this.port), '-U', ACCOUNT, '-d', database];
    return execFileSync(join(this.#programs, 'psql'), [...target, '-v', 'ON_ERROR_STOP=1', '-Atqc', text], {
      encoding: 'utf8',
    }).trim();
  }

  [Symbol.dispose](): void {
    spawnSync(...this.#command('pg_ctl', ['-D', this.#data, '-m', 'immediate', '-w', 'stop']));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[]): void {
    const [command, all] = this.#command(program, args);
    // `pg_ctl` leaves the server behind, which would hold a pipe open.
    execFileSync(command, all, { stdio: 'ignore', cwd: this.#folder });
  }

  #command(program: string, args: readonly string[]): [string, string[]] {
    const path = join(this.#programs, program);
    return isRoot ? ['runuser', ['-u', ACCOUNT, '--', path, ...args]] : [path, [...args]];
  }
}

function findPrograms(): string {
  if (!existsSync(VERSIONS)) installPackage('postgresql');
  const newest = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`${VERSIONS} is empty; install Postgres (apt-get install postgresql)`);
  return join(VERSIONS, newest, 'bin');
}

/** A package of Debian that a test drives. Throws with the command to run where this user may not install it. */
export function installPackage(name: string): void {
  if (!isRoot) throw new Error(`this test needs ${name}: sudo apt-get install ${name}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { stdio: 'inherit', env });
}

/** A port of loopback that was free a moment ago, for a program that cannot choose one itself. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
