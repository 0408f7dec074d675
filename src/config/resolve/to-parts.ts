import { parseDuration } from '../../duration/index.js';
import type { ConfigTemplate } from '../config-template.js';
import { resolvePath } from '../home-path.js';
import type {
  ExtensionDefinition,
  LoggingConfig,
  ResolvedConfig,
  SqlToolsConfig,
  TransportConfig,
} from '../resolved-config.js';
import type { SiteConfig } from '../schema/site-schema.js';
import type { UserConfig } from '../schema/user-schema.js';

export function toExtensions({ site, siteSource }: ConfigTemplate): readonly ExtensionDefinition[] {
  return site.extensions.map((extension, index) => {
    const declaredAt = siteSource.positionOf(['extensions', index]);
    return typeof extension === 'string'
      ? { name: extension, declaredAt }
      : { name: extension.name, repository: extension.repo, declaredAt };
  });
}

export function toPaths({ paths }: Pick<SiteConfig, 'paths'>, projectRoot: string): ResolvedConfig['paths'] {
  return {
    tools: resolvePath(projectRoot, paths.tools),
    resources: resolvePath(projectRoot, paths.resources),
    prompts: resolvePath(projectRoot, paths.prompts),
    python: resolvePath(projectRoot, paths.python),
    sql: resolvePath(projectRoot, paths.sql),
  };
}

export function toSqlTools({ sql_tools: tools }: SiteConfig): SqlToolsConfig {
  return {
    enabled: tools.enabled,
    descriptions: {
      executeSqlQuery: tools.execute_sql_query.description,
      listTables: tools.list_tables.description,
      getTableSchema: tools.get_table_schema.description,
    },
  };
}

/** A transport that does not exist here is in `unavailable`; nothing is started on what stands in for it. */
export function toTransport({ transport }: UserConfig): TransportConfig {
  const { http, provider } = transport;
  return {
    provider: provider === 'stdio' ? 'stdio' : 'streamable-http',
    host: http.host,
    port: http.port,
    stateless: http.stateless,
    allowedHosts: http.allowed_hosts,
    allowedOrigins: http.allowed_origins,
  };
}

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'error' } as const;

export function toLogging({ logging }: UserConfig): LoggingConfig {
  return {
    enabled: logging.enabled,
    path: logging.path ?? null,
    level: LEVELS[logging.level],
    maxBytes: logging.max_bytes,
    backupCount: logging.backup_count,
  };
}

/** How often references are resolved anew without being asked; null is never. */
export function toRefreshMs({ reload: { refresh } }: UserConfig): number | null {
  return refresh === undefined ? null : (parseDuration(String(refresh)) ?? null);
}
