import { rmSync } from 'node:fs';
import { inject, vi } from 'vitest';
import { repository } from '../../contract/docs/doc-blocks.js';
import { createSharedFolder } from './project-files.js';
import { type Ran, run, succeed } from './commands.js';

const engine = inject('engine');
export const environment = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: '0' };

/** The image that the Dockerfile at the root of the repository describes, on bases made here. */
export const IMAGE = 'mxcp-under-test';

export function docker(...args: readonly string[]): Promise<string> {
  return succeed('docker', args, { env: environment });
}

/** `docker` with any outcome. */
export function tryDocker(...args: readonly string[]): Promise<Ran> {
  return run('docker', args, { env: environment });
}

/** Runs a program where the published ports are. */
export function inNetwork(...command: readonly string[]): Promise<string> {
  return succeed('nsenter', [`--net=/proc/${engine.processId}/ns/net`, '--', ...command]);
}

/** Builds the image; the classic builder finds unchanged steps of an earlier build. */
export async function buildImage(): Promise<void> {
  await docker('build', '--tag', IMAGE, repository);
}

/** One Compose project in a folder of its own; everything that it made is removed at the end, volumes included. */
export class ComposeProject implements AsyncDisposable {
  readonly folder = createSharedFolder();
  readonly #files: readonly string[];

  constructor(...files: readonly string[]) {
    this.#files = files;
  }

  compose(...args: readonly string[]): Promise<string> {
    return succeed(engine.compose, this.#arguments(args), { cwd: this.folder, env: environment });
  }

  tryCompose(...args: readonly string[]): Promise<Ran> {
    return run(engine.compose, this.#arguments(args), { cwd: this.folder, env: environment });
  }

  containerOf(name: string): Promise<string> {
    return this.compose('ps', '--all', '--quiet', name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '1');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #arguments(args: readonly string[]): readonly string[] {
    return [...this.#files.flatMap((file) => ['--file', file]), ...args];
  }
}

/** Waits until an expectation holds; commands in containers take their time on a busy machine. */
export function eventually(expectation: () => Promise<void>, timeout = 30_000): Promise<void> {
  return vi.waitFor(expectation, { timeout, interval: 200 });
}

export async function healthOf(container: string): Promise<string> {
  return docker('inspect', '--format', '{{.State.Health.Status}}', container);
}

export async function untilHealth(container: string, expected: 'healthy' | 'unhealthy'): Promise<void> {
  await eventually(async () => {
    const health = await healthOf(container);
    if (health !== expected)
      throw new Error(`${health}, not ${expected}:\n${(await tryDocker('logs', container)).stderr}`);
  }, 90_000);
}

/** How a container ended: its exit code, and how long the stop took. */
export async function stop(container: string): Promise<{ readonly exitCode: number; readonly elapsedMs: number }> {
  const start = performance.now();
  await docker('stop', container);
  const elapsedMs = performance.now() - start;
  return { exitCode: Number(await docker('inspect', '--format', '{{.State.ExitCode}}', container)), elapsedMs };
}
