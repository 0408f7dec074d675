import { defineConfig } from 'vitest/config';

// Two cores are the machine we plan for; more workers only make real databases and child processes compete.
// A limit is only for what hangs: on a machine with more to do, a test of a second may take ten.
const WORKERS = 2;
/** Within one file, of the few tests that say so: most of each is waiting. */
const TESTS_AT_ONCE = 3;

interface ProjectOptions {
  readonly timeoutMs: number;
  /** One file at a time, after all others. */
  readonly serial?: boolean;
  /** Projects with a higher number begin when those with a lower one have ended. */
  readonly order?: number;
  readonly setup?: string;
}

const project = (name: string, options: ProjectOptions) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    fileParallelism: options.serial !== true,
    maxConcurrency: TESTS_AT_ONCE,
    sequence: { groupOrder: options.order ?? 0 },
    pool: 'forks' as const,
    setupFiles: 'test/kit/seed-properties.ts',
    ...(options.setup === undefined ? {} : { globalSetup: options.setup }),
  },
});

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    projects: [
      project('unit', { timeoutMs: 30_000 }),
      project('integration', { timeoutMs: 60_000 }),
      project('contract', { timeoutMs: 60_000 }),
      project('architecture', { timeoutMs: 20_000 }),
      // After the tests that pack a copy of the checkout: some of these work in the checkout itself.
      project('e2e', { timeoutMs: 120_000, order: 1 }),
      project('timing', { timeoutMs: 120_000, serial: true }),
      project('kills', { timeoutMs: 120_000, serial: true }),
      project('soak', { timeoutMs: 120_000, serial: true }),
      project('bench', { timeoutMs: 120_000, serial: true }),
      project('faults', { timeoutMs: 180_000, serial: true, setup: 'test/faults/preflight.ts' }),
      project('vault', { timeoutMs: 60_000, serial: true, setup: 'test/vault/build-vault.ts' }),
      project('containers', { timeoutMs: 180_000, serial: true, setup: 'test/containers/engine/start-engine.ts' }),
      project('kubernetes', { timeoutMs: 60_000, serial: true, setup: 'test/kubernetes/build-validator.ts' }),
      project('monitoring', { timeoutMs: 180_000, serial: true, setup: 'test/monitoring/require-prometheus.ts' }),
      project('extensions', { timeoutMs: 120_000, serial: true }),
      project('fleet', { timeoutMs: 300_000, serial: true }),
      project('fleet-soak', { timeoutMs: 300_000, serial: true }),
      project('systemd', { timeoutMs: 180_000, serial: true, setup: 'test/systemd/preflight.ts' }),
      project('figures', { timeoutMs: 120_000, serial: true, setup: 'test/figures/figure-packages.ts' }),
      project('clients', { timeoutMs: 300_000, serial: true }),
      project('conformance', { timeoutMs: 180_000, serial: true }),
      project('system', { timeoutMs: 120_000, order: 1, setup: 'test/system/preflight.ts' }),
    ],
  },
});
