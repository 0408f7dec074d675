import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const source = join(import.meta.dirname, 'validator');

/** Go's build cache builds it again only when its source, its modules or Go have changed. */
export const validator = join(tmpdir(), `mxcp-kubernetes-validator-${process.getuid?.() ?? 0}`, 'validator');

/** Runs once before the tests: builds the API server's own checks from the modules of Kubernetes. The first time takes minutes. */
export default function buildValidator(): void {
  const { error, status, stderr } = spawnSync('go', ['build', '-o', validator, '.'], { cwd: source, encoding: 'utf8' });
  if (error !== undefined)
    throw new Error(`these tests build checks of Kubernetes with Go 1.26 or later: ${error.message}`);
  if (status !== 0) throw new Error(`the checks of Kubernetes cannot be built:\n${stderr}`);
}
