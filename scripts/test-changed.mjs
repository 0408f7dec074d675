// npm run test:changed [-- BASE]
//
// Runs the tests of what changed since BASE, by default since the last commit: the architecture tests, every unit test that
// reaches a changed file, each integration test that imports one directly, and each changed unit, integration or contract test.
// It is the quick check while writing; `npm test` runs everything.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const base = process.argv[2] ?? 'HEAD';
const changed = changedFiles(base).filter((path) => existsSync(path));
const sources = changed.filter((path) => /^(?:src|test\/kit)\/.*\.ts$/.test(path));
const QUICK = /^test\/(?:unit|integration|contract)\/.*\.test\.ts$/;

const quick = changed.filter((path) => QUICK.test(path));
const direct = readdirSync('test/integration', { recursive: true })
  .map((name) => join('test/integration', name))
  .filter((path) => path.endsWith('.test.ts') && importsOneOf(path, sources));
const runs = [
  ['related', ...sources, '--run', '--project', 'unit', '--passWithNoTests'],
  ['run', '--project', 'architecture'],
  ['run', '--project', 'unit', '--project', 'integration', '--project', 'contract', ...new Set([...quick, ...direct])],
].filter((args, index) => (index === 0 ? sources.length > 0 : index === 1 || quick.length + direct.length > 0));

console.log(
  `${changed.length} changed files since ${base}; ${quick.length + direct.length} test files besides unit tests`,
);
for (const args of runs) {
  const { status } = spawnSync('npx', ['vitest', ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function changedFiles(since) {
  const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
  return [...new Set([...git('diff', '--name-only', since), ...git('ls-files', '--others', '--exclude-standard')])];
}

function importsOneOf(test, files) {
  const imports = [...readFileSync(test, 'utf8').matchAll(/from '(\.[^']+)\.js'/g)];
  return imports.some(([, specifier]) => files.includes(`${join(dirname(test), specifier)}.ts`));
}
