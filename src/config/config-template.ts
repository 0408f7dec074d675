import type { Problem } from '../errors/index.js';
import type { ReadFile } from './files/file-ledger.js';
import type { YamlSource } from './yaml/yaml-source.js';
import type { ReferenceUse } from './references/reference-uses.js';
import type { SiteConfig } from './schema/site-schema.js';

/** Both files, read and checked, with references still references. It remembers where everything stands. */
export interface ConfigTemplate {
  readonly site: SiteConfig;
  readonly siteSource: YamlSource;
  /** `undefined` when the user has no configuration file, which is fine. */
  readonly userSource: YamlSource | undefined;
  /** Every reference of the user file, of all profiles. */
  readonly references: readonly ReferenceUse[];
  /** What is wrong with the values of the user file. Only a template that has none can be resolved. */
  readonly userProblems: readonly Problem[];
  /** Both files as they were when they were read, a missing one too. */
  readonly readFiles: readonly ReadFile[];
}
