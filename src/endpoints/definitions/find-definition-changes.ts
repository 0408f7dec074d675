import { join } from 'node:path';
import { EventLoopBudget } from '../../lifecycle/index.js';
import type { DefinitionFingerprint } from './definition-fingerprint.js';
import { readDefinitionText } from './definition-text.js';
import type { EndpointCatalog } from './endpoint-definition.js';
import { findDefinitionFiles } from './find-definition-files.js';
import type { EndpointFolders } from './load-endpoints.js';
import { toProjectPath } from './project-path.js';

/**
 * How the endpoint files on disk differ from those that serve, one line a file, sorted: `tools/sales.yml: changed`. Files
 * are read and hashed, not parsed: every reload asks, also with a thousand files.
 */
export async function findDefinitionChanges(
  { projectRoot, paths }: EndpointFolders,
  serving: Pick<EndpointCatalog, 'fingerprints'>,
): Promise<string[]> {
  const budget = new EventLoopBudget();
  const changes: string[] = [];
  const onDisk = new Set<string>();
  for (const folder of [paths.tools, paths.resources, paths.prompts]) {
    for (const file of await findDefinitionFiles(folder)) {
      const path = toProjectPath(projectRoot, file);
      onDisk.add(path);
      const served = serving.fingerprints.get(path);
      if (served === undefined) changes.push(`${path}: added`);
      else if (await hasChanged(file, served, projectRoot)) changes.push(`${path}: changed`);
      await budget.spend();
    }
  }
  const removed = [...serving.fingerprints.keys()].filter((path) => !onDisk.has(path));
  return [...changes, ...removed.map((path) => `${path}: removed`)].sort();
}

async function hasChanged(
  file: string,
  { mark, sqlFile }: DefinitionFingerprint,
  projectRoot: string,
): Promise<boolean> {
  if ((await readDefinitionText(file)).mark !== mark) return true;
  if (sqlFile === undefined) return false;
  return (await readDefinitionText(join(projectRoot, sqlFile.path))).mark !== sqlFile.mark;
}
