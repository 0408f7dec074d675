import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildBaseImages } from './base-images.js';
import { succeed } from './commands.js';
import { PrivateDocker } from './private-docker.js';

const TOOLS = [
  { name: 'docker and dockerd', check: ['dockerd', '--version'], install: 'apt-get install docker.io' },
  { name: 'debootstrap', check: ['debootstrap', '--version'], install: 'apt-get install debootstrap' },
  { name: 'ip', check: ['ip', '-V'], install: 'apt-get install iproute2' },
  {
    name: 'Go 1.24 or later, which builds Docker Compose',
    check: ['go', 'version'],
    install: 'see https://go.dev/doc/install',
  },
] as const;

declare module 'vitest' {
  interface ProvidedContext {
    engine: { readonly socket: string; readonly processId: number; readonly compose: string };
  }
}

/**
 * Runs once before the tests of containers: starts a Docker daemon in namespaces of its own and builds what takes the place
 * of the official images. The first run takes some minutes; what it made is kept in `MXCP_CONTAINERS_CACHE`.
 */
export default async function startEngine(project: TestProject): Promise<() => Promise<void>> {
  assertToolsPresent();
  const cache = process.env['MXCP_CONTAINERS_CACHE'] ?? '/var/cache/mxcp-containers';
  mkdirSync(cache, { recursive: true });
  const compose = await buildCompose(cache);
  const docker = new PrivateDocker();
  await docker.start(cache);
  // The classic builder: Debian's package has no other one.
  Object.assign(process.env, { DOCKER_HOST: `unix://${docker.socket}`, DOCKER_BUILDKIT: '0' });
  await buildBaseImages(cache).catch(async (error: unknown) => {
    await docker.stop();
    throw error;
  });
  project.provide('engine', { socket: docker.socket, processId: docker.processId, compose });
  return () => docker.stop();
}

function assertToolsPresent(): void {
  if (process.getuid?.() !== 0) throw new Error('the tests of containers need root, to start a Docker daemon');
  const missing = TOOLS.filter(({ check: [program, ...options] }) => {
    const { error, status } = spawnSync(program, options, { stdio: 'ignore' });
    return error !== undefined || status !== 0;
  });
  if (missing.length === 0) return;
  const lines = missing.map(({ name, install }) => `  ${name}: ${install}`);
  throw new Error(['the tests of containers need these, which are missing here:', ...lines].join('\n'));
}

/** Docker Compose from its Go module. Go's build cache builds it again only when the versions have changed. */
async function buildCompose(cache: string): Promise<string> {
  const folder = join(cache, 'compose');
  cpSync(join(import.meta.dirname, 'compose'), folder, { recursive: true });
  const program = join(folder, 'docker-compose');
  await succeed('go', ['build', '-o', program, 'github.com/docker/compose/v2/cmd'], { cwd: folder });
  return program;
}
