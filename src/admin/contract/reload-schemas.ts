import { z } from 'zod';
import { component, count, timestampToMs, timestampToSecond } from './component.js';

const milliseconds = z.number().min(0);

export const reloadAccepted = component(
  'ReloadAccepted',
  'The reload is queued; `Location` names its record.',
  z.strictObject({
    status: z.literal('reload_initiated'),
    timestamp: timestampToSecond,
    reload_request_id: z.uuid(),
    message: z.string(),
  }),
);

export const restartRequired = component(
  'RestartRequired',
  'A setting that differs on disk and that only a restart applies. Values are redacted.',
  z.strictObject({ setting: z.string(), running: z.unknown(), on_disk: z.unknown() }),
);

const stageName = z.enum(['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose']);

const stage = component(
  'ReloadStage',
  'One step of the transaction.',
  z.strictObject({
    name: stageName,
    status: z.enum(['pending', 'running', 'success', 'error', 'skipped']),
    duration_ms: milliseconds.nullable(),
  }),
);

const referenceOutcome = component(
  'ReferenceOutcome',
  'What a reload found behind one reference. The value itself never appears.',
  z.strictObject({
    ref: z.string(),
    used_by: z.array(z.string()).describe('Dotted configuration paths.'),
    outcome: z.enum(['changed', 'unchanged', 'added', 'removed', 'failed']),
    version: z.string().nullable(),
    error: z
      .string()
      .nullable()
      .describe('Why there is no value; or what is wrong with one that is applied, such as an empty file.'),
  }),
);

const databaseOutcome = component(
  'DatabaseOutcome',
  'What happened to the database file.',
  z.strictObject({
    action: z.enum(['kept', 'reopened', 'handover']),
    pause_ms: milliseconds,
    requests_held: count,
  }),
);

const reloadFailure = component(
  'ReloadFailure',
  'Why the reload changed nothing.',
  z.strictObject({
    code: z.string(),
    message: z.string(),
    stage: stageName,
    file: z.string().nullable(),
    line: z.int().nullable(),
    column: z.int().nullable(),
  }),
);

export const reloadRecord = component(
  'ReloadRecord',
  'What one run of a reload did, for everyone who asked for it.',
  z.strictObject({
    id: z.string(),
    trigger: z.enum(['sighup', 'api', 'cli', 'endpoint', 'watch', 'refresh']),
    status: z.enum(['queued', 'running', 'success', 'error']),
    dry_run: z.boolean(),
    definitions: z.boolean().describe('Whether endpoint definitions were read again too.'),
    requested_at: timestampToMs,
    started_at: timestampToMs.nullable(),
    ended_at: timestampToMs.nullable(),
    duration_ms: milliseconds.nullable(),
    generation: z.strictObject({ from: count, to: count.nullable() }),
    stages: z.array(stage),
    references: z.array(referenceOutcome),
    database: databaseOutcome.nullable(),
    requests_draining: count,
    restart_required: z.array(restartRequired),
    definitions_changed: z
      .array(z.string())
      .describe('Endpoint definitions on disk that differ from those that serve.'),
    error: reloadFailure.nullable(),
    shared_with: z.array(z.string()).describe('Ids of the other requests that this run answers.'),
  }),
);

export const reloadList = component(
  'ReloadList',
  'Newest first; the last 50 runs are remembered.',
  z.strictObject({ reloads: z.array(reloadRecord) }),
);
