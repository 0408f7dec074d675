import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REPOSITORY = process.cwd();

/** The admin server as a program of its own, compiled from the sources as they are now. */
export interface AdminProgram {
  readonly script: string;
  dispose(): Promise<void>;
}

const DRIVER = `
import { createInterface } from 'node:readline';
import { startAdminServer } from './dist/admin/index.js';
import { AdminClient } from './dist/admin/client/index.js';
import { createSilentLogger, Scrubber } from './dist/logging/index.js';

const [role, path, mode = '600', group] = process.argv.slice(2);
const unused = () => { throw new Error('not asked for in these tests'); };
const ports = {
  readiness: { ready: unused, startup: unused }, status: { status: unused }, config: { config: unused },
  endpoints: { endpoints: unused }, reloads: { request: unused, find: unused, list: unused },
};
const say = (line) => process.stdout.write(line + '\\n');

const open = () => startAdminServer({
  socket: { path, mode: Number.parseInt(mode, 8), group },
  ports, logger: createSilentLogger(), scrubber: new Scrubber(), debug: false,
});
const refused = (error) => 'refused ' + error.code + ' ' + error.message;

async function serve() {
  const server = await open();
  process.once('SIGTERM', async () => { await server.close(); say('closed'); process.exit(0); });
  say('open ' + server.paths.socket);
}

// Opens and closes when the parent says so, as often as it likes.
async function race() {
  let server;
  say('ready to race');
  for await (const order of createInterface({ input: process.stdin })) {
    if (order === 'open') {
      server = await open().catch((error) => { say(refused(error)); });
      if (server !== undefined) say('open ' + server.paths.socket);
    } else {
      await server?.close();
      server = undefined;
      say('closed');
    }
  }
}

const roles = { serve, race, ask: async () => say('answer ' + (await new AdminClient({ socketPath: path }).health()).status) };
try { await roles[role](); } catch (error) { say(refused(error)); process.exit(1); }
`;

export async function buildAdminProgram(): Promise<AdminProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-program-'));
  await chmod(folder, 0o755);
  const sources = ['admin/index.ts', 'admin/client/index.ts', 'logging/index.ts'];
  const config = {
    extends: join(REPOSITORY, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: join(REPOSITORY, 'src'),
      outDir: join(folder, 'dist'),
      declaration: false,
      sourceMap: false,
      typeRoots: [join(REPOSITORY, 'node_modules/@types')],
    },
    include: [],
    files: sources.map((source) => join(REPOSITORY, 'src', source)),
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  await symlink(join(REPOSITORY, 'package.json'), join(folder, 'package.json'));
  await promisify(execFile)('npx', ['tsc', '-p', join(folder, 'tsconfig.json')], { cwd: REPOSITORY });
  const script = join(folder, 'driver.mjs');
  await writeFile(script, DRIVER);
  return { script, dispose: () => rm(folder, { recursive: true, force: true }) };
}

export interface ProgramOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** One running copy. Its lines are read in order; the test that starts it stops it. */
export class AdminProcess {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  #wake = (): void => undefined;
  #ended = false;

  constructor(child: ChildProcess) {
    this.child = child;
    let rest = '';
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake();
    });
    this.child.once('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The next line, or `ended` when there will be none. */
  async line(): Promise<string> {
    while (this.#lines.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#lines.shift() ?? 'ended';
  }

  order(what: 'open' | 'close'): void {
    this.child.stdin?.write(`${what}\n`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    while (!this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

export function startProgram(
  program: AdminProgram,
  args: readonly string[],
  options: ProgramOptions = {},
): AdminProcess {
  return new AdminProcess(
    spawn(process.execPath, [program.script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...options,
      env: { ...process.env, ...options.env },
    }),
  );
}

/** A folder that another user can reach, of that user. */
export async function createFolderFor(uid: number, parent: string): Promise<string> {
  await chmod(parent, 0o755);
  const folder = join(parent, `of-${uid}`);
  await mkdir(folder, { mode: 0o755 });
  await chown(folder, uid, uid);
  return folder;
}
