import { z } from 'zod';
import { folder, formatVersion, section, text } from '../secrets/index.js';

const description = section({ description: text.optional() });

const extension = z.union([
  text,
  z.strictObject({ name: text, repo: z.enum(['community', 'core_nightly']).optional() }),
]);

const dbt = section({
  enabled: z.boolean().default(true),
  model_paths: z.array(text).default(['models']),
  analysis_paths: z.array(text).default(['analyses']),
  test_paths: z.array(text).default(['tests']),
  seed_paths: z.array(text).default(['seeds']),
  macro_paths: z.array(text).default(['macros']),
  snapshot_paths: z.array(text).default(['snapshots']),
  target_path: text.default('target'),
  clean_targets: z.array(text).default(['target', 'dbt_packages']),
});

const siteProfile = section({
  duckdb: section({ path: text.optional(), readonly: z.boolean().default(false) }),
  drift: section({ path: text.optional() }),
  audit: section({
    enabled: z.boolean().default(false),
    path: text.optional(),
    max_file_size: z.int().min(1).default(52_428_800),
  }),
});

/** `mxcp-site.yml`. Nothing in it is a reference. */
export const siteSchema = z.strictObject({
  mxcp: formatVersion('move endpoint files into `tools/`, `resources/` and `prompts/`, then write'),
  project: text,
  profile: text,
  secrets: z.array(text).default([]),
  plugin: z.array(z.strictObject({ name: text, module: text, config: text.optional() })).default([]),
  extensions: z.array(extension).default([]),
  dbt,
  sql_tools: section({
    enabled: z.boolean().default(false),
    execute_sql_query: description,
    list_tables: description,
    get_table_schema: description,
  }),
  paths: section({
    tools: folder('tools'),
    resources: folder('resources'),
    prompts: folder('prompts'),
    evals: folder('evals'),
    python: folder('python'),
    plugins: folder('plugins'),
    sql: folder('sql'),
    drift: folder('drift'),
    audit: folder('audit'),
    data: folder('data'),
  }),
  profiles: z.record(text, siteProfile).default({}),
});

export type SiteConfig = z.output<typeof siteSchema>;
export type SiteProfile = z.output<typeof siteProfile>;
/** What stands for a profile that `mxcp-site.yml` does not have. */
export const defaultSiteProfile = (): SiteProfile => siteProfile.parse({});
