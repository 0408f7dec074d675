import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { CallGate } from '../../../src/lifecycle/index.js';
import { EndpointSet, LiveEndpointCalls, loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { Renderers } from '../../../src/prompts/index.js';
import type { EndpointFolders } from '../../../src/endpoints/definitions/definition-files.js';
import type { LiveEndpointCallsOptions } from '../../../src/endpoints/calling/live-endpoint-calls.js';
import { ActiveGeneration, Generation, type Disposer } from '../../../src/lifecycle/index.js';
import { TemporaryProject } from './temporary-project.js';
import { DatabaseRegistry, GenerationDatabase } from '../../../src/duckdb/index.js';

export function fixture(name: string): EndpointFolders {
  return foldersOf(fileURLToPath(new URL(`../../fixtures/projects/${name}`, import.meta.url)));
}

export function foldersOf(projectRoot: string): EndpointFolders {
  return {
    projectRoot,
    paths: {
      tools: join(projectRoot, 'tools'),
      resources: join(projectRoot, 'resources'),
      prompts: join(projectRoot, 'prompts'),
    },
    sqlTools: { enabled: true },
  };
}

export async function openDatabase(disposer: Disposer): Promise<GenerationDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-endpoints-'));
  disposer.defer(() => rm(folder, { recursive: true, force: true }));
  const registry = disposer.own(new DatabaseRegistry());
  const path = join(folder, 'test.duckdb');
  const spec = { path, readonly: false, extensions: [], secrets: [] };
  const database = disposer.own(await GenerationDatabase.build(registry, spec));
  await database.commit();
  return database;
}

/** Everything between a project folder and a call, over a real database. The disposer ends it. */
export async function openProject(
  folders: EndpointFolders,
  disposer: Disposer,
  options: Partial<LiveEndpointCallsOptions> = {},
) {
  const database = await openDatabase(disposer);
  const catalog = await loadEndpoints(folders);
  const endpoints = new EndpointSet(catalog, {
    enabled: true,
    externalAccess: true,
    severalStatements: false,
    descriptions: {},
  });
  const generation = new Generation(1, { endpoints, database, python: undefined }, () => Promise.resolve());
  const active = new ActiveGeneration(generation);
  const calls = new LiveEndpointCalls(active, {
    gate: new CallGate({ maxConcurrentCalls: 4, maxQueuedCalls: 10 }),
    renderers: disposer.own(new Renderers()),
    callTimeoutMs: 20_000,
    maxResultBytes: 1_000_000,
    ...options,
  });
  return { calls, active, catalog, database, endpoints };
}

export const anonymous = () => ({ caller: ANONYMOUS, signal: new AbortController().signal });

/** The problems of the endpoint files in a project that has just this one, as a person reads them. */
export async function problemsOf(path: string, lines: readonly string[]): Promise<string[]> {
  using project = new TemporaryProject({ [path]: lines });
  const { failures } = await loadEndpoints(foldersOf(project.root));
  return failures.flatMap(({ problems }) => problems.map((problem) => formatProblem(problem)));
}

/** The warnings about that file. */
export async function warningsOf(path: string, lines: readonly string[]): Promise<string[]> {
  using project = new TemporaryProject({ [path]: lines });
  const { warnings } = await loadEndpoints(foldersOf(project.root));
  return warnings.filter(({ file }) => file === path).map((warning) => formatProblem(warning));
}
