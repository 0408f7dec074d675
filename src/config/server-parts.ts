import { invalidConfig, type Problem } from '../errors/index.js';
import { resolvePath } from '../files/index.js';
import type { LoggingConfig } from '../logging/index.js';
import { compilePolicies, type EndpointPolicies } from '../policies/index.js';
import { Concealed, Secret } from '../secrets/index.js';
import { type KeyPath, toDotted } from '../yaml/index.js';
import type { ActiveTemplate } from './config-template.js';
import type { SiteConfig, SiteProfile, UserConfig, UserProfile } from './schema.js';

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'error' } as const;

export function toLogging(logging: UserConfig['logging']): LoggingConfig {
  return {
    enabled: logging.enabled,
    path: logging.path ?? null,
    level: LEVELS[logging.level],
    maxBytes: logging.max_bytes,
    backupCount: logging.backup_count,
  };
}

/** What the audit log holds, where it is, and what becomes of it. */
export function toAudit({ enabled, path, durability, ...audit }: SiteProfile['audit'] & { readonly path: string }) {
  const { max_file_size: maxFileBytes, on_failure: onFailure, retention_days: retentionDays } = audit;
  const log = { path, durability, maxFileBytes, onFailure, retentionDays };
  return { enabled, redacts: audit.redact, maxValueBytes: audit.max_value_size, log };
}

/** What is exported to an OpenTelemetry collector, before the variables of OpenTelemetry are applied. */
export function toTelemetry({ telemetry }: UserProfile) {
  const { enabled, headers = {}, tracing, metrics, logs } = telemetry;
  return {
    enabled,
    /** Without the path of a signal. */
    endpoint: telemetry.endpoint,
    /** A reload replaces them. */
    headers: Object.entries(headers).map(([name, value]) => ({ name, value: new Secret(value) })),
    serviceName: telemetry.service_name,
    serviceVersion: telemetry.service_version,
    environment: telemetry.environment,
    resourceAttributes: telemetry.resource_attributes,
    traces: enabled && tracing.enabled,
    /** Whether spans are also written to the log. */
    tracesToLog: tracing.console_export,
    metrics: enabled && metrics.enabled,
    metricsIntervalMs: metrics.export_interval * 1000,
    logs: enabled && logs.enabled,
  };
}

/** Undefined where only this process takes the answers to its questions. A relative folder is below the project. */
export function toConfirmations({ confirmations }: UserProfile, projectRoot: string) {
  if (confirmations === undefined) return undefined;
  const { keys, folder } = confirmations;
  return new Concealed({ keys, folder: resolvePath(projectRoot, folder) });
}

export interface SqlToolsConfig {
  readonly enabled: boolean;
  readonly externalAccess: boolean;
  /** Absolute paths of folders whose files it may read without that. */
  readonly allowedFolders?: readonly string[];
  readonly severalStatements: boolean;
  /** Replace the built-in descriptions. */
  readonly descriptions: {
    readonly [Tool in 'executeSqlQuery' | 'listTables' | 'getTableSchema']?: string | undefined;
  };
  /** Hold for each of the tools. `resolveConfig` compiles them. */
  readonly policies?: EndpointPolicies | undefined;
}

/** Relative folders are those of the project. */
export function toSqlTools(tools: SiteConfig['sql_tools'], projectRoot: string): SqlToolsConfig {
  const descriptions = {
    executeSqlQuery: tools.execute_sql_query.description,
    listTables: tools.list_tables.description,
    getTableSchema: tools.get_table_schema.description,
  };
  const { enabled, external_access: externalAccess, several_statements: severalStatements } = tools;
  const allowedFolders = tools.allowed_folders.map((folder) => resolvePath(projectRoot, folder));
  return { enabled, externalAccess, allowedFolders, severalStatements, descriptions };
}

/** The arguments of all SQL tools. One that a tool does not take is null, which the default allows. */
export const SQL_TOOL_ARGUMENTS = [
  { name: 'sql', type: 'string', default: null },
  { name: 'limit', type: 'integer', default: null },
  { name: 'table_name', type: 'string', default: null },
] as const;

/**
 * Compiles `sql_tools.policies`, which hold for every SQL tool. Throws `config_invalid` for a rule with a mistake: without it, the
 * tools would be open.
 */
export async function compileSqlToolPolicies(
  written: NonNullable<SiteConfig['sql_tools']['policies']>,
  { siteSource }: Pick<ActiveTemplate, 'siteSource'>,
): Promise<{ readonly policies: EndpointPolicies | undefined; readonly warnings: readonly Problem[] }> {
  const returns = { type: 'array', items: { type: 'object' } } as const;
  const { policies, findings } = await compilePolicies(written, {
    kind: 'sql tool',
    parameters: SQL_TOOL_ARGUMENTS,
    returns,
  });
  const problems = findings.map(({ at, message, line, isWarning }) => {
    const path: KeyPath = ['sql_tools', 'policies', ...at];
    const place = line === undefined ? siteSource.positionOf(path) : siteSource.positionInText(path, line);
    return { isWarning, problem: { ...place, path: toDotted(path), message } };
  });
  const mistakes = problems.filter(({ isWarning }) => !isWarning);
  if (mistakes.length > 0) throw invalidConfig(mistakes.map(({ problem }) => problem));
  return { policies, warnings: problems.map(({ problem }) => problem) };
}
