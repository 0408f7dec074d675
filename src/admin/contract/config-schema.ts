import { z } from 'zod';
import { component, count, timestampToSecond } from './component.js';
import { restartRequired } from './reload-schemas.js';

const reference = component(
  'Reference',
  'One distinct reference of the configuration, without its value.',
  z.strictObject({
    ref: z.string(),
    used_by: z.array(z.string()).describe('Dotted configuration paths.'),
    source: z
      .string()
      .describe('`env_file`, `process_env`, `file`, `vault`, `onepassword`, or the scheme of another store.'),
    resolved_at: timestampToSecond,
    changed_at: timestampToSecond,
    version: z.string().nullable(),
    fingerprint: z.string().describe('Keyed hash; the key is random per process.'),
  }),
);

export const config = component(
  'Config',
  'The configuration of the generation that serves, built from a list of what may be shown.',
  z.strictObject({
    status: z.literal('ok'),
    project: z.string(),
    profile: z.string(),
    repository_path: z.string(),
    debug: z.boolean(),
    transport: z.string(),
    duckdb: z.strictObject({ path: z.string(), readonly: z.boolean() }),
    duckdb_path: z.string().describe('Repeats `duckdb.path`.'),
    readonly: z.boolean().describe('Repeats `duckdb.readonly`.'),
    extensions: z.array(z.string()),
    endpoints: z.strictObject({
      tools: z.array(z.string()),
      prompts: z.array(z.string()),
      resources: z.array(z.string()).describe('URIs and URI templates.'),
    }),
    features: z.strictObject({
      sql_tools: z.boolean(),
      audit_logging: z.boolean(),
      telemetry: z.boolean(),
    }),
    generation: count,
    loaded_at: timestampToSecond,
    config_files: z.array(z.string()),
    env_files: z.array(z.string()),
    references: z.array(reference),
    restart_required: z.array(restartRequired),
    last_rejected: z
      .strictObject({ reload_id: z.string(), at: timestampToSecond, error: z.string() })
      .nullable(),
  }),
);
