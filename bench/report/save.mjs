import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const FOLDER = fileURLToPath(new URL('../../.bench-results', import.meta.url));

/** Saves all figures together with a description of the machine. Returns the path. */
export function saveResults(results, { quick }) {
  mkdirSync(FOLDER, { recursive: true });
  const measuredAt = new Date().toISOString();
  const path = join(FOLDER, `${measuredAt.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(path, `${JSON.stringify({ measuredAt, quick, machine: machine(), results }, null, 2)}\n`);
  return path;
}

function machine() {
  const [cpu] = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model,
    cores: cpus().length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg()[0],
  };
}
