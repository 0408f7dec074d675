import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { ChildServer, childEnvironment } from '../../kit/child-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import type { Diagnosis } from './diagnosis.js';
import { createShop, SOUND_SHOP } from '../../kit/projects/shop.js';

const COMMAND = join(import.meta.dirname, '../../../bin/mxcp');

export interface DiagnosisOutput {
  /** Exit code of a command, HTTP status of a request. */
  readonly code: number | null | undefined;
  /** Everything it said, with the folder of the project left out. */
  readonly text: string;
}

/** Breaks a project and runs the one command. */
export async function runDiagnosis(diagnosis: Diagnosis): Promise<DiagnosisOutput> {
  using project = new TemporaryProject(SOUND_SHOP);
  await createShop(project.path('shop.duckdb'), 3);
  const { code, text } = await runCommand(diagnosis, project);
  return { code, text: text.replaceAll(`${project.root}/`, '') };
}

async function runCommand(diagnosis: Diagnosis, project: TemporaryProject): Promise<DiagnosisOutput> {
  const { command, options = [], env = {} } = diagnosis;
  if (command === 'serve' || command === 'validate') {
    await breakProject(diagnosis, project);
    const socket = command === 'serve' ? ['--port', '0', '--admin-socket', project.socketPath] : [];
    return runMxcp([command, ...socket, ...options], project, env);
  }
  const server = await ChildServer.start(project);
  try {
    await breakProject(diagnosis, project);
    if (command === 'POST /reload') return await postReload(project.socketPath);
    return await runMxcp(['admin', 'reload', '--socket', project.socketPath, ...options], project, env);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function breakProject({ files = {}, change }: Diagnosis, project: TemporaryProject): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    if (content === null) project.remove(name);
    else project.write(name, content);
  }
  await change?.(project);
}

async function runMxcp(
  args: readonly string[],
  project: TemporaryProject,
  env: NodeJS.ProcessEnv,
): Promise<DiagnosisOutput> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: project.root,
    env: childEnvironment(project, env),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A server that starts in spite of what is broken would serve for ever.
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const [code]: (number | null)[] = await once(child, 'close');
  return { code, text };
}

function postReload(socketPath: string): Promise<DiagnosisOutput> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, path: '/reload?wait=20s', method: 'POST', headers: { host: 'localhost' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ code: response.statusCode, text: text.replaceAll('\\"', '"') }));
      },
    );
    sent.on('error', reject).end();
  });
}
