import type { Config } from '../contract/index.js';
import type { ConfigSnapshot, ReferenceSnapshot } from '../ports.js';
import { toWireRestart } from './reload-answers.js';
import { toSecondText } from './wire-time.js';

/** Field by field on purpose: what is not named here cannot get out. */
export function toConfig(snapshot: ConfigSnapshot): Config {
  const { duckdb, endpoints, features, lastRejected } = snapshot;
  return {
    status: 'ok',
    project: snapshot.project,
    profile: snapshot.profile,
    repository_path: snapshot.repositoryPath,
    debug: snapshot.debug,
    transport: snapshot.transport,
    duckdb: { path: duckdb.path, readonly: duckdb.readonly },
    duckdb_path: duckdb.path,
    readonly: duckdb.readonly,
    extensions: [...snapshot.extensions],
    endpoints: {
      tools: [...endpoints.tools],
      prompts: [...endpoints.prompts],
      resources: [...endpoints.resources],
    },
    features: {
      sql_tools: features.sqlTools,
      audit_logging: features.auditLogging,
      telemetry: features.telemetry,
    },
    generation: snapshot.generation,
    loaded_at: toSecondText(snapshot.loadedAt),
    config_files: [...snapshot.configFiles],
    env_files: [...snapshot.envFiles],
    references: snapshot.references.map(toWireReference),
    restart_required: snapshot.restartRequired.map(toWireRestart),
    last_rejected:
      lastRejected === null
        ? null
        : {
            reload_id: lastRejected.reloadId,
            at: toSecondText(lastRejected.at),
            error: lastRejected.error,
          },
  };
}

function toWireReference(reference: ReferenceSnapshot): Config['references'][number] {
  return {
    ref: reference.ref,
    used_by: [...reference.usedBy],
    source: reference.source,
    resolved_at: toSecondText(reference.resolvedAt),
    changed_at: toSecondText(reference.changedAt),
    version: reference.version,
    fingerprint: reference.fingerprint,
  };
}
