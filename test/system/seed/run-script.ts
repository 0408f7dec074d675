import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { blockUnder } from '../../contract/docs/doc-blocks.js';
import type { Workplace } from '../../e2e/seed/running-server.js';

export const GUIDE = 'docs/operations/admin-socket.md';

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with the variables of the admin socket as a service would have them. */
export async function runProgram(
  workplace: Workplace,
  [program = '', ...options]: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(program, options, {
    env: { ...workplace.environment, MXCP_ADMIN_ENABLED: 'true', MXCP_ADMIN_SOCKET: workplace.socket, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const [exitCode]: (number | null)[] = await once(child, 'close');
  return { exitCode: exitCode ?? null, stdout, stderr };
}

/** Runs Bash, with the path of the users' document replaced by that of the workplace. */
export function runBash(workplace: Workplace, script: string): Promise<Ran> {
  return runProgram(workplace, ['bash', '-c', atWorkplace(workplace, script)]);
}

/** The text of a script of the guide, by its heading. */
export function scriptOfGuide(heading: string, language = 'bash'): string {
  return blockUnder(GUIDE, heading, language).text;
}

export function atWorkplace(workplace: Workplace, text: string): string {
  return text.replaceAll('/run/mxcp', dirname(workplace.socket));
}
