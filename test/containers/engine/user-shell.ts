import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { repository } from '../../contract/docs/doc-blocks.js';
import { type Ran, run } from './commands.js';
import { environment } from './containers.js';
import { createSharedFolder } from './project-files.js';

/** The shell of a user who has `docker compose` and `mxcp`, with a folder for everything that the commands make. */
export class UserShell implements Disposable {
  readonly folder = createSharedFolder();
  readonly #bin = join(this.folder, '.bin');
  readonly #config = join(this.folder, '.docker');

  constructor() {
    mkdirSync(join(this.#config, 'cli-plugins'), { recursive: true });
    symlinkSync(inject('engine').compose, join(this.#config, 'cli-plugins', 'docker-compose'));
    mkdirSync(this.#bin);
    symlinkSync(join(repository, 'bin', 'mxcp'), join(this.#bin, 'mxcp'));
  }

  try(script: string, cwd: string): Promise<Ran> {
    const env = { ...environment, DOCKER_CONFIG: this.#config, PATH: `${this.#bin}:${process.env['PATH'] ?? ''}` };
    return run('bash', ['-e', '-c', script], { cwd, env });
  }

  /** Runs a script that has to succeed; returns what it printed. */
  async run(script: string, cwd: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(script, cwd);
    if (exitCode !== 0) throw new Error(`${script}\nended with ${exitCode}:\n${stdout}${stderr}`);
    return stdout.trim();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
