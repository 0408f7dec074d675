import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { readLicences } from './licences.mjs';
import { packageNameOf } from './package-of-module.mjs';

/** The first and the last load native libraries from their own folders; the second is installed only by projects that use it. */
const NOT_BUNDLED = /^(node:|@duckdb\/node-bindings|@1password\/sdk|@koromix\/)/;

/**
 * Bundles the compiled command and its packages in `compiled` into its folder `command`. Node needs longer to find, read and link 720 small
 * files than to run them: the server starts with 45 % less CPU time (Node 20.20). Each package is a separate file, so that a
 * command still loads only what it needs. Nothing is renamed or minified, so that stack traces stay readable.
 */
export async function bundleCommand(compiled) {
  const folder = join(compiled, 'command');
  const bundle = await rolldown({
    input: {
      main: join(compiled, 'cli/main.js'),
      // Forked by file name, from beside the bundled code that forks them.
      'audit-index-main': join(compiled, 'audit/audit-index-main.js'),
      'audit-query-main': join(compiled, 'audit/audit-query-main.js'),
      'preflight-main': join(compiled, 'duckdb/handover/preflight-main.js'),
      'render-process': join(compiled, 'prompts/render-process.js'),
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
    codeSplitting: { groups: [{ name: chunkOfPackage, debugName: 'packages', includeDependenciesRecursively: false }] },
  });
  await bundle.close();
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
  writeFileSync(join(folder, 'THIRD-PARTY-LICENCES.txt'), readLicences(modules));
}

function chunkOfPackage(module) {
  const name = packageNameOf(module);
  return name === undefined ? null : `packages/${name.replace('@', '').replace('/', '-')}`;
}
