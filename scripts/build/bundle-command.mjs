import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { readLicences } from './licences.mjs';
import { packageNameOf } from './package-of-module.mjs';

/** The first loads a native library that lies beside it; the second is installed only where it is used. */
const NOT_BUNDLED = /^(node:|@duckdb\/node-bindings|@1password\/sdk)/;

/**
 * Bundles the compiled command with the packages it loads into `dist/command`. Node needs longer to find, read and link
 * 720 small files than to run them: the server starts with 45 % less CPU time (Node 20.20). Each package is a file of its
 * own, so that a command still loads only what it needs; nothing is renamed or minified, so that stack traces can be read.
 */
export async function bundleCommand(root) {
  const folder = join(root, 'dist/command');
  const bundle = await rolldown({
    input: {
      main: join(root, 'dist/cli/main.js'),
      // Forked by their file names, beside whatever the forks are bundled into.
      'preflight-main': join(root, 'dist/duckdb/handover/preflight-main.js'),
      'render-process': join(root, 'dist/prompts/render-process.js'),
    },
    external: (id) => NOT_BUNDLED.test(id),
    platform: 'node',
    preserveEntrySignatures: 'allow-extension',
    onLog: (level, log) => {
      throw new Error(`${level} while bundling: ${log.message}`);
    },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: 'esm',
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [{ name: chunkOfPackage, debugName: 'packages', includeDependenciesRecursively: false }],
    },
  });
  await bundle.close();
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
  writeFileSync(join(folder, 'THIRD-PARTY-LICENCES.txt'), readLicences(modules));
}

function chunkOfPackage(module) {
  const name = packageNameOf(module);
  return name === undefined ? null : `packages/${name.replace('@', '').replace('/', '-')}`;
}
