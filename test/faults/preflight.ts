import { execFileSync } from 'node:child_process';

const NEEDED = [
  {
    what: 'Python 3.9 or later as python3',
    command: ['python3', '-c', 'import sys; sys.exit(sys.version_info < (3, 9))'],
  },
  {
    what: 'unshare of util-linux with a namespace of its own',
    command: ['unshare', '-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'],
  },
] as const;

/** The setup of the project: says what is missing instead of skipping a test. */
export default function assertCanStage(): void {
  const missing = NEEDED.filter(({ command }) => !isRunnable(command)).map(({ what }) => `  ${what}`);
  if (missing.length > 0)
    throw new Error(`the staged faults need these, which are missing here:\n${missing.join('\n')}`);
}

function isRunnable([program = '', ...options]: readonly string[]): boolean {
  try {
    execFileSync(program, options, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
