import { z } from 'zod';
import { FileLedger } from './files/file-ledger.js';
import { loadYamlMapping } from './files/load-yaml-mapping.js';
import { invalidConfig } from './invalid-config.js';
import type { ResolvedConfig } from './resolved-config.js';
import { toPaths } from './resolve/to-parts.js';
import { checkSchema } from './schema/check-schema.js';
import { siteSchema } from './schema/site-schema.js';
import type { ServerSettings } from './settings/server-settings.js';

const { paths, sql_tools } = siteSchema.shape;
const foldersSchema = z.object({ paths });
const sqlToolsSchema = z.object({ sql_tools });

/** Where a project's endpoints are, and what names they must leave free. */
type FoundFolders = Pick<ResolvedConfig, 'projectRoot' | 'paths'> & {
  readonly sqlTools: Pick<ResolvedConfig['sqlTools'], 'enabled'>;
};

/**
 * Where a project's endpoints are, as far as `mxcp-site.yml` says so, whatever else is wrong with it. Throws
 * `config_not_found`, and `config_invalid` when just that cannot be told.
 */
export async function loadEndpointFolders(settings: ServerSettings): Promise<FoundFolders> {
  const { siteFile, projectRoot } = settings;
  const parsed = await loadYamlMapping(siteFile, { whenMissing: 'put it back', ledger: new FileLedger() });
  const { source, problems } = parsed;
  if (source === undefined) throw invalidConfig(problems);
  const folders = checkSchema({ schema: foldersSchema, source, value: source.value });
  if (!folders.ok) throw invalidConfig(folders.problems);
  const tools = checkSchema({ schema: sqlToolsSchema, source, value: source.value });
  const enabled = settings.sqlTools ?? (tools.ok && tools.value.sql_tools.enabled);
  return { projectRoot, paths: toPaths(folders.value, projectRoot), sqlTools: { enabled } };
}
