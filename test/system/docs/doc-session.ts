import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repository, type DocBlock } from '../../contract/docs/doc-blocks.js';
import { VaultServer } from '../../kit/vault-server.js';
import { command, createWorkplace, until, type Workplace } from '../../e2e/seed/running-server.js';

/** A server that a `serve` block started, and the block's shell around it. */
interface Serving {
  readonly pid: number;
  readonly ended: Promise<number | null>;
}

export interface Ran {
  readonly exitCode: number | null;
  readonly output: string;
}

/**
 * One reader who works through one page: blocks run in order, in one folder, and a server that a block started serves until
 * the next such block or the end of the page. Paths of the page become paths of the session; the commands of a service
 * manager and of Vault are stood in for by small scripts, Vault by a server of ours, everything else is real.
 */
export class DocSession {
  readonly #workplace: Workplace = createWorkplace();
  readonly #page: string;
  readonly #bin: string;
  readonly #log: string;
  readonly #pidFile: string;
  readonly #cwdFile: string;
  #serving: Serving | undefined;
  #cwd: string | undefined;
  #vault: VaultServer | undefined;

  constructor(page: string) {
    this.#page = page;
    const { folder, socket } = this.#workplace;
    this.#bin = join(folder, 'bin');
    this.#log = join(folder, 'server.log');
    this.#pidFile = join(folder, 'server.pid');
    this.#cwdFile = join(folder, 'cwd');
    mkdirSync(dirname(socket));
    mkdirSync(this.#bin);
    writeFileSync(this.#log, '');
    this.#installCommands();
    if (page.startsWith('examples/')) this.#copyExample();
  }

  /** Runs a block to its end; a `serve` block until its server is ready. */
  async run(block: DocBlock): Promise<Ran> {
    if (this.#vault === undefined && /^vault /m.test(block.text))
      this.#vault = await new VaultServer().mount('kv/', 2).listen();
    if (block.tags[0] === 'serve') return this.#serve(block);
    if (this.#serving === undefined && block.text.includes('/run/mxcp')) await this.#serveByDefault();
    // A script is run as it would be from a file; a list of commands has to work line by line.
    const isScript = block.text.startsWith('#!');
    const [program, ...options] = INTERPRETERS[isScript ? 'script' : block.language] ?? [];
    if (program === undefined) throw new Error(`nothing runs ${block.language}`);
    // Modules of the package find it by its own name from inside its folder only.
    const cwd = block.language === 'js' ? repository : this.#folderFor(block);
    // The blocks of a page are typed into one terminal: a `cd` also holds for the next block.
    const remember = block.language === 'bash' && !isScript ? `\npwd > '${this.#cwdFile}'` : '';
    const ran = await this.#spawn([program, ...options, this.#substitute(block.text) + remember], cwd);
    if (remember === '' || ran.exitCode !== 0) return ran;
    const left = readFileSync(this.#cwdFile, 'utf8').trim();
    if (left !== cwd) this.#cwd = left;
    return ran;
  }

  /** Ends the session; answers with the exit code of its last server, when there was one. */
  async end(): Promise<number | null | undefined> {
    const exitCode = await this.#stopServing();
    await this.#vault?.stop();
    this.#workplace.remove();
    return exitCode;
  }

  /** A new project is made outside of the one that other blocks use. */
  #folderFor({ text }: DocBlock): string {
    if (this.#cwd !== undefined) return this.#cwd;
    return /^mxcp init /m.test(text) ? this.#workplace.folder : this.#folder;
  }

  get #folder(): string {
    return this.#page.startsWith('examples/') ? join(this.#workplace.folder, 'example') : this.#workplace.project;
  }

  get #environment(): Record<string, string> {
    const { environment, folder } = this.#workplace;
    // These pages have a project of their own, which is not in the user configuration of the others.
    const inExample = this.#page.startsWith('examples/') || this.#page === 'README.md';
    const { MXCP_CONFIG: config = '', MXCP_ENV_FILE: envFile = '', ...rest } = environment;
    return {
      ...rest,
      ...(inExample ? {} : { MXCP_CONFIG: config, MXCP_ENV_FILE: envFile }),
      ...(this.#vault === undefined ? {} : { VAULT_ADDR: this.#vault.address, VAULT_TOKEN: this.#vault.issueToken() }),
      HOME: folder,
      PATH: `${this.#bin}:${environment['PATH'] ?? ''}`,
    };
  }

  async #serve(block: DocBlock): Promise<Ran> {
    const previous = await this.#stopServing();
    if (previous !== undefined && previous !== 0) throw new Error(`the server before it ended with ${previous}`);
    writeFileSync(this.#log, '');
    rmSync(this.#pidFile, { force: true });
    const script = this.#substitute(block.text);
    const shell = spawn('bash', ['-e', '-c', script], {
      cwd: this.#folderFor(block),
      env: this.#environment,
      stdio: 'ignore',
    });
    const ended = once(shell, 'close').then(([code]: (number | null)[]) => code ?? null);
    let exitCode: number | null | undefined;
    void ended.then((code) => (exitCode = code));
    const isReady = (): boolean => {
      if (exitCode !== undefined) throw new Error(`the block ended with ${exitCode}:\n${this.#serverLog()}`);
      return this.#serverLog().includes('ready url=');
    };
    await until(isReady, 'the server of the block to be ready');
    this.#serving = { pid: Number(readFileSync(this.#pidFile, 'utf8')), ended };
    return { exitCode: 0, output: this.#serverLog() };
  }

  /** For pages that only ask: with both sockets at the paths that pages show. */
  #serveByDefault(): Promise<Ran> {
    const text = 'mxcp serve --admin-socket /run/mxcp/mxcp.sock --admin-probe-socket /run/mxcp/probe.sock\n';
    return this.#serve({ file: this.#page, line: 0, headings: [], language: 'bash', tags: ['serve'], text });
  }

  async #stopServing(): Promise<number | null | undefined> {
    if (this.#serving === undefined) return undefined;
    const { pid, ended } = this.#serving;
    this.#serving = undefined;
    process.kill(pid, 'SIGTERM');
    return ended;
  }

  async #spawn([program = '', ...options]: readonly string[], cwd: string): Promise<Ran> {
    const { socket } = this.#workplace;
    const env = { ...this.#environment, MXCP_ADMIN_ENABLED: 'true', MXCP_ADMIN_SOCKET: socket };
    const child = spawn(program, options, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const [exitCode]: (number | null)[] = await once(child, 'close');
    return { exitCode: exitCode ?? null, output };
  }

  #serverLog(): string {
    return readFileSync(this.#log, 'utf8');
  }

  #substitute(text: string): string {
    return text
      .replaceAll('/run/mxcp', dirname(this.#workplace.socket))
      .replaceAll('mxcp-admin', String(process.getgid?.() ?? 0));
  }

  #installCommands(): void {
    const install = (name: string, script: string): void => {
      writeFileSync(join(this.#bin, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(this.#bin, name), 0o755);
    };
    const mxcp = `"${process.execPath}" "${command}"`;
    install(
      'mxcp',
      `if [ "$1" = serve ] || [ "$1" = dev ]; then echo $$ > "${this.#pidFile}"; exec ${mxcp} "$@" 2>> "${this.#log}"; fi\nexec ${mxcp} "$@"`,
    );
    cpSync(join(import.meta.dirname, 'vault-command.sh'), join(this.#bin, 'vault'));
    install('journalctl', `[ "$1 $2" = "-u mxcp" ] && cat "${this.#log}"`);
    install(
      'systemctl',
      `case "$1 $2" in
        "status mxcp") echo "mxcp.service: active (running)" ;;
        "reload mxcp") exec ${mxcp} admin reload ;;
        *) exit 1 ;;
      esac`,
    );
    // What is done to a volume is tested with the manifest; here only that the options make one file of one name.
    install(
      'kubectl',
      `case "$*" in
        "create secret generic "*" --from-file=mxcp.env="*" --dry-run=client -o yaml") cat "\${5#--from-file=mxcp.env=}" ;;
        "apply -f -") exec grep -q = ;;
        *) exit 1 ;;
      esac`,
    );
    install('sudo', '[ "$1 $2" = "-u mxcp" ] || exit 1; shift 2; exec "$@"');
  }

  #copyExample(): void {
    const target = join(this.#workplace.folder, 'example');
    cpSync(join(repository, dirname(this.#page)), target, { recursive: true });
    for (const name of ['earthquakes.duckdb', 'earthquakes.duckdb.wal']) {
      rmSync(join(target, 'data', name), { force: true });
    }
    const modules = join(this.#workplace.folder, 'node_modules');
    if (!existsSync(modules)) symlinkSync(join(repository, 'node_modules'), modules);
  }
}

const INTERPRETERS: Readonly<Record<string, readonly string[]>> = {
  bash: ['bash', '-e', '-c'],
  script: ['bash', '-c'],
  python: ['python3', '-c'],
  js: ['node', '--input-type=module', '--eval'],
};
