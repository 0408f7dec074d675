import type { EndpointCatalog } from './endpoint-definition.js';

type Fingerprinted = Pick<EndpointCatalog, 'fingerprints'>;

/** How the files on disk differ from those that serve, one line a file, sorted: `tools/sales.yml: changed`. */
export function compareCatalogs(serving: Fingerprinted, onDisk: Fingerprinted): string[] {
  const differences: string[] = [];
  for (const [path, fingerprint] of onDisk.fingerprints) {
    const served = serving.fingerprints.get(path);
    if (served === undefined) differences.push(`${path}: added`);
    else if (served !== fingerprint) differences.push(`${path}: changed`);
  }
  for (const path of serving.fingerprints.keys()) {
    if (!onDisk.fingerprints.has(path)) differences.push(`${path}: removed`);
  }
  return differences.sort();
}
