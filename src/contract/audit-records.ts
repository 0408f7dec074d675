import { createHash } from 'node:crypto';
import { z } from 'zod';
import { component } from './components.js';
import { type Inside, timestampToMs, toWire } from './wire-format.js';

const text = z.string().nullable();
const count = z.int().min(0);

/** The fields of a record before the values of the call, in the order in which they are written. */
const headFields = {
  record_id: z.string().describe('Unique; those of one server sort by time.'),
  timestamp: timestampToMs.describe('When the record was made: at the end of the call.'),
  schema_name: z.string().describe('`mxcp.endpoints`, `mxcp.admin`, `mxcp.reloads` or `mxcp.auth`.'),
  schema_version: z.int(),
  operation_type: z
    .string()
    .describe('`tool`, `resource`, `prompt`, `completion`, `admin`, `reload`, `auth`, `request` or `audit`.'),
  operation_name: z.string().describe('A name; of a resource, its URI or template as declared.'),
  operation_status: z.string().describe('`success` or `error`; a refused call is an error.'),
  duration_ms: z.number().nullable(),
  caller_type: z.string().describe('`http`, `stdio`, `admin` for the admin socket, `server` for the server itself.'),
  user_id: text,
  session_id: text,
  trace_id: text,
};

const tailFields = {
  error: text,
  policies_evaluated: z.array(z.string()).nullable(),
  policy_decision: text.describe('`allow`, `deny`, `warn`; null where nothing had to be decided.'),
  policy_reason: text,
  business_context: z.record(z.string(), z.unknown()).nullable(),
  execution_events: z.array(z.unknown()).nullable(),
  error_code: text.describe('A code of the table of errors.'),
  decision_id: text.describe('As the client and the log have it.'),
  username: text,
  request_id: text.describe('The id that the client gave the request.'),
  client: text.describe('The address that the request came from.'),
  group: text.describe('The group through which the request came; null for all endpoints.'),
  generation: count.nullable().describe('The generation that answered.'),
  reload_id: text.describe('The reload that made this generation; null for the first one.'),
  config_fingerprint: text.describe('The `ETag` of `GET /config` for this generation.'),
  question_id: text.describe('The same in all records of one call that asked its client; null for any other call.'),
  shortened: z
    .strictObject({
      because: z.string().describe('`rows` or `bytes`: which limit was reached.'),
      returned: count.describe('The rows of the answer.'),
      total: count.nullable().describe('All rows, where that is known.'),
      tokens: count.describe('An estimate of what the answer costs a model.'),
    })
    .nullish()
    .describe('What the answer lacks; null or absent for one that is whole.'),
};

/** What becomes of the arguments and the result of a call. */
const valueFields = {
  input_data: z.unknown().describe('The arguments; what the endpoint declares as `sensitive` is `[redacted]`.'),
  output_data: z.unknown().describe('The result as the client got it, redacted in the same way.'),
  answer_data: z
    .unknown()
    .describe('What the client has answered to the questions of the call, by their key; null without an answer.'),
};

export const auditRecord = component(
  'AuditRecord',
  'One call, admin action or reload, as it is in the audit log.',
  z.strictObject({
    ...headFields,
    ...valueFields,
    ...tailFields,
    prev_hash: text.describe('The `record_hash` of the record before it; null for the first one of a server.'),
    record_hash: text.describe('SHA-256 of the line up to this field.'),
    signature: text,
  }),
);

export const auditRecords = component(
  'AuditRecords',
  'Records of the audit log, the newest first. Empty when the project has no audit log.',
  z.strictObject({ records: z.array(auditRecord), count }),
);

const counts = z.record(z.string(), count);

export const auditStats = component(
  'AuditStats',
  'How many records the audit log has. All is empty when the project has no audit log.',
  z.strictObject({
    total_records: count,
    by_type: counts,
    by_status: counts,
    by_policy: counts.describe('By `policy_decision`; records without one are left out.'),
    earliest_timestamp: timestampToMs.nullable(),
    latest_timestamp: timestampToMs.nullable(),
  }),
);

const head = z.strictObject(headFields);
const tail = z.strictObject(tailFields);

/** A record without what only the audit log knows. */
export type AuditFacts = Omit<Inside<typeof head> & Inside<typeof tail>, 'recordId' | 'timestamp'>;

/** What valueFields holds, as JSON. */
export interface AuditValues {
  readonly input: string;
  readonly output: string;
  /** Left out where nothing was asked. */
  readonly answers?: string;
}

/** Every field of a record, and what a line of the audit log holds there. */
export const AUDIT_FIELDS: readonly (readonly [name: string, holds: 'text' | 'number' | 'json'])[] = Object.entries(
  auditRecord.shape,
).map(([name, schema]) => [name, holdsOf(schema)]);

function holdsOf(schema: z.core.$ZodType): 'text' | 'number' | 'json' {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) return holdsOf(schema.unwrap());
  if (schema instanceof z.ZodNumber) return 'number';
  return schema instanceof z.ZodString || schema instanceof z.ZodCodec ? 'text' : 'json';
}

/**
 * One line of the audit log, and its hash. The hash is that of the line before `record_hash`, so that it can be checked without
 * writing the record again. The values are JSON already; `scrub` keeps JSON valid.
 */
export function toAuditLine(
  facts: AuditFacts & { readonly recordId: string; readonly timestamp: Date },
  { input, output, answers = 'null' }: AuditValues,
  { previousHash, scrub }: { readonly previousHash: string | null; readonly scrub: (text: string) => string },
): { readonly line: string; readonly hash: string } {
  const first = JSON.stringify(toWire(head, facts)).slice(0, -1);
  const last = JSON.stringify(toWire(tail, facts)).slice(1, -1);
  const content = scrub(`${first},"input_data":${input},"output_data":${output},"answer_data":${answers},${last}`);
  const hashed = `${content},"prev_hash":${JSON.stringify(previousHash)}`;
  const hash = createHash('sha256').update(hashed).digest('hex');
  return { line: `${hashed},"record_hash":"${hash}","signature":null}\n`, hash };
}

/** What a record of a reload has as `input_data` and `output_data`. */
const reloadInput = z.strictObject({ dry_run: z.boolean(), definitions: z.boolean() });
const reloadOutput = z.strictObject({
  generation: z.strictObject({ from: count, to: count.nullable() }),
  shared_with: z.array(z.string()),
  restart_required: z.array(z.string()),
  definitions_changed: count,
});

export function toReloadValues(facts: Inside<typeof reloadInput> & Inside<typeof reloadOutput>): AuditValues {
  return { input: JSON.stringify(toWire(reloadInput, facts)), output: JSON.stringify(toWire(reloadOutput, facts)) };
}

type AuditRecord = Inside<typeof auditRecord>;

/** A record as the program holds it, of the fields of a line. */
export function fromAuditLine(line: Readonly<Record<string, unknown>>): AuditRecord {
  const entries = AUDIT_FIELDS.map(([name]) => {
    const camel = name.replaceAll(/_(\w)/g, (_underscore, letter: string) => letter.toUpperCase());
    return [camel, name === 'timestamp' ? new Date(String(line[name])) : line[name]];
  });
  // Written by this program, or by another one in the same format; `toWire` shows what is there.
  return Object.fromEntries(entries) as AuditRecord;
}

const HASH = /,"record_hash":"([0-9a-f]{64})","signature":null\}$/;
const PREVIOUS = /,"prev_hash":(?:null|"([0-9a-f]{64})")$/;

/** What a line says of itself; undefined for one that this program has not written. */
export function readAuditHashes(
  line: string,
): { readonly hash: string; readonly previous: string | null; readonly isIntact: boolean } | undefined {
  const found = HASH.exec(line);
  const hash = found?.[1];
  if (found === null || hash === undefined) return undefined;
  const hashed = line.slice(0, found.index);
  const isIntact = createHash('sha256').update(hashed).digest('hex') === hash;
  return { hash, previous: PREVIOUS.exec(hashed)?.[1] ?? null, isIntact };
}

/** Which records are wanted; all conditions must hold. Values are bound, never part of SQL. */
export interface AuditSelection {
  readonly schemaName?: string | undefined;
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
  readonly operationType?: string | undefined;
  readonly operationName?: string | undefined;
  readonly operationStatus?: string | undefined;
  readonly userId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly policyDecision?: string | undefined;
}

/** The statistics of no records, also where there is no audit log. */
export const NO_AUDIT_STATS = {
  totalRecords: 0,
  byType: {},
  byStatus: {},
  byPolicy: {},
  earliestTimestamp: null,
  latestTimestamp: null,
} as const;
