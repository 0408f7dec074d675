import { join } from 'node:path';
import { DiskReader } from '../../config/index.js';
import { EventLoopBudget, mapParallel } from '../../lifecycle/index.js';
import type { DefinitionFingerprint } from './definition-fingerprint.js';
import { PARALLEL_READS, readDefinitionText, UNREADABLE } from './definition-text.js';
import type { EndpointCatalog } from './endpoint-definition.js';
import { findDefinitionFiles, type FoundDefinition } from './find-definition-files.js';
import type { EndpointFolders } from './load-endpoints.js';
import { toProjectPath } from './project-path.js';

type Fingerprints = EndpointCatalog['fingerprints'];

/**
 * How the endpoint files on disk differ from those that serve, one line a file, sorted: `tools/sales.yml: changed`. Files
 * are read and hashed, not parsed: every reload asks, also with a thousand files. Of a folder that cannot be looked into
 * nobody can tell, and `tools/more: unreadable` is all that is said.
 */
export async function findDefinitionChanges(
  { projectRoot, paths }: EndpointFolders,
  { fingerprints }: { readonly fingerprints: Fingerprints },
): Promise<string[]> {
  const comparison = new Comparison(projectRoot, fingerprints);
  for (const folder of [paths.tools, paths.resources, paths.prompts]) await comparison.compareFolder(folder);
  return comparison.finish();
}

class Comparison {
  readonly #projectRoot: string;
  readonly #served: Fingerprints;
  readonly #disk = new DiskReader();
  readonly #budget = new EventLoopBudget();
  readonly #changes: string[] = [];
  readonly #onDisk = new Set<string>();
  readonly #unreadable: string[] = [];

  constructor(projectRoot: string, served: Fingerprints) {
    this.#projectRoot = projectRoot;
    this.#served = served;
  }

  async compareFolder(folder: string): Promise<void> {
    const found = await findDefinitionFiles(folder, this.#disk);
    await mapParallel(found, PARALLEL_READS, (each) => this.#compare(each));
  }

  finish(): string[] {
    const removed = [...this.#served.keys()].filter(
      (path) => !this.#onDisk.has(path) && !this.#unreadable.some((folder) => path.startsWith(`${folder}/`)),
    );
    return [...this.#changes, ...removed.map((path) => `${path}: removed`)].sort();
  }

  async #compare(found: FoundDefinition): Promise<void> {
    const path = toProjectPath(this.#projectRoot, found.path);
    const served = this.#served.get(path);
    this.#onDisk.add(path);
    if ('folderError' in found) {
      this.#unreadable.push(path);
      if (served?.mark !== UNREADABLE) this.#changes.push(`${path}: unreadable`);
    } else if (served === undefined) this.#changes.push(`${path}: added`);
    else if (await this.#hasChanged(found.path, served)) this.#changes.push(`${path}: changed`);
    await this.#budget.spend();
  }

  async #hasChanged(file: string, { mark, sqlFile }: DefinitionFingerprint): Promise<boolean> {
    if ((await readDefinitionText(file, this.#disk)).mark !== mark) return true;
    if (sqlFile === undefined) return false;
    const path = join(this.#projectRoot, sqlFile.path);
    return (await readDefinitionText(path, this.#disk)).mark !== sqlFile.mark;
  }
}
