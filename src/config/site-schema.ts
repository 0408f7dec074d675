import { z } from 'zod';
import { formatVersion, section, text } from '../secrets/index.js';

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
}).meta({ reload: 'restart' });

/** One profile of `mxcp-site.yml`; of an empty mapping, its defaults. */
export const siteProfileSchema = section({
  duckdb: section({
    path: text.optional().meta({ setting: 'duckdbPath' }),
    readonly: z.boolean().default(false).meta({ setting: 'readonly' }),
  }),
  drift: section({ path: text.optional() }),
  audit: section({
    enabled: z.boolean().default(false).meta({ setting: 'auditEnabled' }),
    path: text.optional(),
    max_file_size: z.int().min(1).default(52_428_800),
  }),
});

/** `mxcp-site.yml`. It has no references. What `.meta()` says of a key is explained in `schema-keys.ts`. */
export const siteSchema = z.strictObject({
  mxcp: formatVersion('move endpoint files into `tools/`, `resources/` and `prompts/`, then write'),
  project: text,
  profile: text.meta({ setting: 'profile' }),
  secrets: z.array(text).default([]),
  plugin: z.array(z.strictObject({ name: text, module: text, config: text.optional() })).default([]),
  extensions: z.array(extension).default([]),
  dbt,
  sql_tools: section({
    enabled: z.boolean().default(false).meta({ setting: 'sqlTools' }),
    execute_sql_query: description,
    list_tables: description,
    get_table_schema: description,
  }),
  paths: section({
    tools: text.default('tools'),
    resources: text.default('resources'),
    prompts: text.default('prompts'),
    evals: text.default('evals'),
    python: text.default('python'),
    plugins: text.default('plugins'),
    sql: text.default('sql'),
    drift: text.default('drift'),
    audit: text.default('audit'),
    data: text.default('data'),
  }),
  profiles: z.record(text, siteProfileSchema).default({}),
});

export type SiteConfig = z.output<typeof siteSchema>;
export type SiteProfile = z.output<typeof siteProfileSchema>;
