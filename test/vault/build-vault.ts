import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

const source = join(import.meta.dirname, 'server');

/** The built server. Go's build cache rebuilds it only when its source or Go has changed. */
export const vaultBinary = join(tmpdir(), `mxcp-vault-under-test-${process.getuid?.() ?? 0}`, 'vault');

/** Runs once before the tests: builds a real Vault from its modules. The first time takes minutes. */
export default function buildVault(): void {
  const { error, status, stderr } = spawnSync('go', ['build', '-o', vaultBinary, '.'], {
    cwd: source,
    encoding: 'utf8',
  });
  if (error !== undefined) throw new Error(`these tests build Vault with Go 1.20 or later: ${error.message}`);
  if (status !== 0) throw new Error(`Vault cannot be built:\n${stderr}`);
}
