import { spawnSync } from 'node:child_process';

/** Runs once before the tests. */
export default function requirePrometheus(): void {
  const missing = ['prometheus', 'promtool'].filter((program) => spawnSync(program, ['--version']).status !== 0);
  if (missing.length === 0) return;
  throw new Error(
    `these tests run ${missing.join(' and ')}; install the package, on Debian: apt-get install prometheus`,
  );
}
