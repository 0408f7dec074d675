import type { ReadFile } from './files/file-ledger.js';
import type { YamlSource } from './files/yaml-source.js';
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
  /** Both files as they were when they were read, a missing one too. */
  readonly readFiles: readonly ReadFile[];
}
