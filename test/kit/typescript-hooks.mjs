// Module hooks for Node processes that tests start from the sources: the entry, a `.ts` that is asked for as `.js`, becomes
// one file with all it imports of ours. That loads three times as fast as file by file.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/test-entries', import.meta.url));

export function resolve(specifier, context, next) {
  const isMissing = specifier.startsWith('file:') && specifier.endsWith('.js') && !existsSync(new URL(specifier));
  return next(isMissing ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  return { format: 'module', source: await bundled(fileURLToPath(url)), shortCircuit: true };
}

async function bundled(entry) {
  const file = join(CACHE, `${basename(entry)}-${newestChange()}.js`);
  if (!existsSync(file)) await bundle(entry, file);
  return readFileSync(file, 'utf8');
}

/** A module finds what lies beside it, as it does on its own. */
const OWN_ADDRESS = {
  name: 'own-address',
  transform: (code, id) =>
    code.includes('import.meta.url')
      ? code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
      : null,
};

async function bundle(entry, file) {
  const { rolldown } = await import('rolldown');
  const external = (id) => /^[^./]/.test(id);
  const made = await rolldown({ input: entry, external, platform: 'node', plugins: [OWN_ADDRESS] });
  const temporary = `${file}.${process.pid}`;
  mkdirSync(CACHE, { recursive: true });
  await made.write({ file: temporary, format: 'esm', codeSplitting: false });
  await made.close();
  // In one step: other processes may want it too.
  renameSync(temporary, file);
}

/** Changes with every change of a source. */
function newestChange() {
  const files = readdirSync(SOURCES, { recursive: true }).filter((name) => name.endsWith('.ts'));
  return `${files.length}-${Math.max(...files.map((name) => statSync(join(SOURCES, name)).mtimeMs))}`;
}
