export { type AnswerLimits, answerLimitFields, toAnswerLimits } from './answer-limits.js';
export type { AuthSettings } from './auth-schema.js';
export { assertProtections, DUCKDB_TYPES } from './check-config.js';
export {
  type ConfigTemplate,
  loadConfigTemplate,
  toCacheRule,
} from './config-template.js';
export {
  type AttachmentDefinition,
  type ConfigObject,
  type ExtensionDefinition,
  type ResolvedConfig,
  type SecretDefinition,
  type SecretParameter,
} from './effective-config.js';
export { GROUP_NAME, type GroupRule, type GroupRules, type ListedMember } from './groups.js';
export {
  type CacheRule,
  type DeclaredCache,
  cacheSchema,
  type Icon,
  iconFilesOf,
  iconsSchema,
  readIcons,
} from './presentation.js';
export { type RateRule, rateLimitSchema, toRateRule } from './rate-limit.js';
export type { ColumnMask, Protection, TableRule } from './protection.js';
export {
  compareFailedReferences,
  compareReferences,
  findRestartRequired,
  withReloadable,
} from './reload-effects.js';
export { resolveConfig } from './resolve-config.js';
export {
  loadAuditConfig,
  loadDatabasePath,
  loadEndpointFolders,
  loadGroupRules,
  loadPresentation,
  loadProfileNames,
  loadProtection,
  loadSqlToolPolicies,
} from './unresolved-parts.js';
