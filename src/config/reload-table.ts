/** When a change of a key in a file takes effect. */
export interface ReloadRow {
  /** Dotted path in its file; `*` stands for any name. A row covers everything below it. */
  readonly key: string;
  readonly file: 'site' | 'user';
  readonly applies: 'reload' | 'restart';
  /** Never printed, whether it came from a reference or not. */
  readonly secret?: true;
}

const PROFILE = 'projects.*.profiles.*';

/** The next reload asks the stores with the settings that are there then. */
const STORE_KEYS = [
  'vault.enabled',
  'vault.address',
  'vault.namespace',
  'vault.ca_cert',
  'vault.client_cert',
  'vault.client_key',
  'vault.tls_server_name',
  'vault.token_env',
  'vault.auto_auth',
  'onepassword.enabled',
  'onepassword.token_env',
  'onepassword.connect_host',
  'onepassword.connect_token_env',
  'onepassword.ca_cert',
];

/** A row for every key of the two files. The references in a value follow the row of their key. */
export const RELOAD_TABLE: readonly ReloadRow[] = [
  ...rows('site', 'restart', [
    'mxcp',
    'project',
    'profile',
    'secrets',
    'plugin',
    'extensions',
    'dbt',
    'sql_tools.enabled',
    'sql_tools.execute_sql_query.description',
    'sql_tools.list_tables.description',
    'sql_tools.get_table_schema.description',
    'paths.tools',
    'paths.resources',
    'paths.prompts',
    'paths.evals',
    'paths.python',
    'paths.plugins',
    'paths.sql',
    'paths.drift',
    'paths.audit',
    'paths.data',
    'profiles.*.duckdb.path',
    'profiles.*.duckdb.readonly',
    'profiles.*.drift.path',
    'profiles.*.audit.enabled',
    'profiles.*.audit.path',
    'profiles.*.audit.max_file_size',
  ]),
  ...rows('user', 'reload', [
    `${PROFILE}.secrets`,
    `${PROFILE}.plugin.config`,
    'reload.refresh',
    ...STORE_KEYS,
  ]),
  ...rows('user', 'restart', [
    'mxcp',
    `${PROFILE}.auth.mode`,
    `${PROFILE}.auth.provider`,
    `${PROFILE}.auth.authorization.required_scopes`,
    `${PROFILE}.telemetry.enabled`,
    `${PROFILE}.telemetry.endpoint`,
    `${PROFILE}.telemetry.service_name`,
    `${PROFILE}.telemetry.service_version`,
    `${PROFILE}.telemetry.environment`,
    `${PROFILE}.telemetry.resource_attributes`,
    `${PROFILE}.telemetry.tracing.enabled`,
    `${PROFILE}.telemetry.tracing.console_export`,
    `${PROFILE}.telemetry.metrics.enabled`,
    `${PROFILE}.telemetry.metrics.export_interval`,
    'transport.provider',
    'transport.http.port',
    'transport.http.host',
    'transport.http.scheme',
    'transport.http.base_url',
    'transport.http.trust_proxy',
    'transport.http.stateless',
    'transport.http.allowed_hosts',
    'transport.http.allowed_origins',
    'models.default',
    'models.models.*.type',
    'models.models.*.base_url',
    'models.models.*.timeout',
    'models.models.*.max_retries',
    'logging.enabled',
    'logging.path',
    'logging.level',
    'logging.max_bytes',
    'logging.backup_count',
  ]),
  ...secretRows([
    `${PROFILE}.auth.clients`,
    `${PROFILE}.auth.github`,
    `${PROFILE}.auth.atlassian`,
    `${PROFILE}.auth.salesforce`,
    `${PROFILE}.auth.google`,
    `${PROFILE}.auth.keycloak`,
    `${PROFILE}.auth.oidc`,
    `${PROFILE}.auth.persistence`,
    `${PROFILE}.telemetry.headers`,
    'models.models.*.api_key',
  ]),
];

function rows(
  file: ReloadRow['file'],
  applies: ReloadRow['applies'],
  keys: readonly string[],
): readonly ReloadRow[] {
  return keys.map((key) => ({ key, file, applies }));
}

function secretRows(keys: readonly string[]): readonly ReloadRow[] {
  return keys.map((key) => ({ key, file: 'user', applies: 'restart', secret: true }));
}
