// npm run bench -- [suite …] [--quick] [--json] [--profile]
import { parseArgs } from 'node:util';
import { printProfile } from './report/print-profile.mjs';
import { printMissed, printSuite } from './report/print.mjs';
import { saveResults } from './report/save.mjs';
import { withProfiles } from './measure/cpu-profile.mjs';

const SUITES = {
  start: () => import('./suites/start.mjs'),
  health: () => import('./suites/health.mjs'),
  calls: () => import('./suites/calls.mjs'),
  reload: () => import('./suites/reload.mjs'),
  references: () => import('./suites/references.mjs'),
  memory: () => import('./suites/memory.mjs'),
  python: () => import('./suites/python.mjs'),
  handover: () => import('./suites/handover.mjs'),
  metrics: () => import('./suites/metrics.mjs'),
  telemetry: () => import('./suites/telemetry.mjs'),
  audit: () => import('./suites/audit.mjs'),
  protection: () => import('./suites/protection.mjs'),
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});

const unknown = positionals.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0) {
  console.error(`there is no suite "${unknown[0]}"; there are ${Object.keys(SUITES).join(', ')}`);
  process.exit(2);
}
if (process.platform !== 'linux') {
  console.error('the benchmarks read CPU time and memory from /proc, which only Linux has');
  process.exit(1);
}

const output = process.stdout;
const results = [];
for (const suite of positionals.length > 0 ? positionals : Object.keys(SUITES)) {
  const { about, run } = await SUITES[suite]();
  const { figures, profiles } = await withProfiles(options.profile, (profileArgs) =>
    run({ quick: options.quick, profileArgs }),
  );
  const result = { suite, about, figures };
  results.push(result);
  printSuite(result, output);
  if (options.profile) printProfile(profiles, output);
}
printMissed(results, output);
if (options.json) output.write(`saved: ${saveResults(results, options)}\n`);
