import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** About 1,080 bytes each, so that a segment has nearly 50 MiB. */
export const RECORDS_IN_SEGMENT = 48_000;
const MS_BETWEEN = 200;
const START = Date.UTC(2026, 0, 1);

/** Writes segments of an audit log with records as a server writes them, one every 200 ms, of 40 endpoints and 5,000 users. */
export async function writeAuditRecords(folder, segments) {
  mkdirSync(folder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  for (let segment = 0; segment < segments; segment += 1) {
    const start = START + segment * RECORDS_IN_SEGMENT * MS_BETWEEN;
    const time = new Date(start).toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
    const path = join(folder, `logs-default-${time}.jsonl`);
    await connection.run(`COPY (${recordsOf(segment, start)}) TO '${path}' (FORMAT json)`);
  }
  connection.closeSync();
  instance.closeSync();
}

/** A trace that one record of the first segment has. */
export const TRACE_ID = 'e962831865f0914587784fa2d5f1edc1';

function recordsOf(segment, start) {
  return `SELECT
    printf('%08x-%04x-7%03x-8%s-%s', (ms >> 16)::UBIGINT, (ms & 65535)::UBIGINT, (i % 4096)::INTEGER,
      substr(md5(i || 's${segment}'), 1, 3), substr(md5(i || 'x${segment}'), 1, 12)) AS record_id,
    strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS "timestamp",
    'mxcp.endpoints' AS schema_name, 2 AS schema_version,
    CASE WHEN i % 50 = 0 THEN 'prompt' WHEN i % 7 = 0 THEN 'resource' ELSE 'tool' END AS operation_type,
    'endpoint_' || (hash(i) % 40) AS operation_name,
    CASE WHEN hash(i + 1) % 20 = 0 THEN 'error' ELSE 'success' END AS operation_status,
    (hash(i) % 100000) / 1000.0 AS duration_ms, 'http' AS caller_type,
    'user-' || (hash(i + 2) % 5000) AS user_id, md5((i // 10) || 's${segment}') AS session_id,
    md5('t' || i || '-${segment}') AS trace_id,
    { first: i, customer: 'customer ' || (hash(i) % 10000) } AS input_data,
    [{ id: i, email: '[redacted]', amount: (hash(i) % 10000) / 100.0 }, { id: i + 1, email: '[redacted]', amount: 7.5 }] AS output_data,
    NULL AS error, NULL AS policies_evaluated,
    CASE WHEN hash(i + 1) % 20 = 0 THEN 'deny' ELSE 'allow' END AS policy_decision,
    NULL AS policy_reason, NULL AS business_context, NULL AS execution_events, NULL AS error_code, md5('d' || i) AS decision_id,
    'user' || (hash(i + 2) % 5000) AS username, i::VARCHAR AS request_id, '10.0.0.' || (i % 250) AS client, 1 AS generation,
    NULL AS reload_id, '0123456789abcdef0123456789abcdef' AS config_fingerprint, sha256(i::VARCHAR) AS prev_hash,
    sha256((i + 1)::VARCHAR) AS record_hash, NULL AS signature
  FROM (SELECT range AS i, ${start} + range * ${MS_BETWEEN} AS ms FROM range(${RECORDS_IN_SEGMENT}))`;
}
