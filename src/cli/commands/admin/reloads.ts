import { setTimeout as delay } from 'node:timers/promises';
import type { AdminClient } from '../../../admin/client/index.js';
import type { ReloadAccepted, ReloadRecord } from '../../../contract/index.js';
import { MxcpError } from '../../../errors/index.js';
import type { Output } from '../../terminal/output.js';
import { startProgress } from '../../terminal/progress.js';
import { printFields, printTable } from '../../terminal/tables.js';
import { adminCommand, formatMs, readLimit, readWait } from './admin-command.js';
import { printOutcome, printStages } from './reload-outcome.js';

const DEFAULT_TIMEOUT_MS = 2 * 60_000;
const POLL_MS = 50;
const DEFAULT_LIMIT = 20;
/** A reload that takes as long shows how long its stages took. */
const SLOW_MS = 2_000;

/** `mxcp admin reload`: exits with 0 when the reload succeeded or, with `--no-wait`, was accepted; with 1 when it failed. */
export const reload = adminCommand({
  ask: async (client, { options, output }): Promise<ReloadRecord | ReloadAccepted> => {
    const { dryRun, definitions, force, wait, json, stages } = options;
    const timeoutMs = readWait('--timeout', options['timeout']) ?? DEFAULT_TIMEOUT_MS;
    if (wait === false && dryRun === true) {
      throw new MxcpError('usage', '--dry-run and --no-wait cannot be combined: a dry run only returns its result');
    }
    const accepted = await client.requestReload({
      ...(dryRun === true && { dryRun }),
      ...(definitions === true && { definitions }),
      ...(force === true && { force }),
    });
    if (wait === false) return accepted;
    const { reload_request_id: id } = accepted;
    const record = await followWithProgress(client, { id, timeoutMs }, output);
    if (json !== true && (stages === true || (record.duration_ms ?? 0) >= SLOW_MS)) printStages(output, record);
    return record;
  },
  print: (answer, output) => {
    if ('stages' in answer) return printOutcome(output, answer);
    const { reload_request_id: id } = answer;
    output.print(`reload ${id} is queued; \`mxcp admin reloads ${id}\` shows its outcome`);
  },
  exitCode: (answer) => ('stages' in answer && answer.status !== 'success' ? 1 : 0),
});

/** `mxcp admin reloads [id]` and `mxcp admin reloads cancel <id>` */
export const reloads = adminCommand({
  ask: async (client, { args: [id, cancelled], options }) => {
    if (id === undefined) return client.reloads({ limit: readLimit(options) ?? DEFAULT_LIMIT });
    if (id !== 'cancel' && cancelled === undefined) return client.reloadRecord(await completeId(client, id));
    if (id === 'cancel' && cancelled !== undefined) return client.cancelReload(await completeId(client, cancelled));
    throw new MxcpError('usage', 'to cancel a reload, give its id: `mxcp admin reloads cancel <id>`');
  },
  print: (answer, output) => {
    if ('reloads' in answer) return printList(output, answer.reloads);
    printFields(output, [
      ['id', answer.id],
      ['trigger', answer.trigger],
      ['requested at', answer.requested_at],
      ['took', formatMs(answer.duration_ms)],
    ]);
    printStages(output, answer);
    printOutcome(output, answer);
  },
});

/** As much of an id as a terminal shows. */
const SHORT_ID = 8;
const WHOLE_ID = 36;

/** The id that begins so. If the server remembers none, its own answer says that. Throws `usage` for the beginning of several. */
async function completeId(client: AdminClient, beginning: string): Promise<string> {
  if (beginning.length >= WHOLE_ID) return beginning;
  const { reloads: remembered } = await client.reloads();
  const found = remembered.map(({ id }) => id).filter((id) => id.startsWith(beginning));
  if (found.length <= 1) return found[0] ?? beginning;
  throw new MxcpError('usage', `${found.length} reloads have ids that begin with "${beginning}"; give more of the id`);
}

interface Followed {
  readonly id: string;
  readonly timeoutMs: number;
  readonly onRecord?: (record: ReloadRecord) => void;
}

/** Resolves with the record of the reload once it has ended. Throws `wait_timeout`. */
async function follow(client: AdminClient, { id, timeoutMs, onRecord }: Followed): Promise<ReloadRecord> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const record = await client.reloadRecord(id);
    onRecord?.(record);
    if (record.status === 'success' || record.status === 'error') return record;
    if (performance.now() > deadline) {
      throw new MxcpError(
        'wait_timeout',
        `reload ${id} is still running after ${formatMs(timeoutMs)} (${activityOf(record)}); \`mxcp admin reloads ${id}\` shows its outcome`,
      );
    }
    await delay(POLL_MS);
  }
}

/** Shows a person the running stage of a slow reload. */
async function followWithProgress(client: AdminClient, followed: Followed, output: Output): Promise<ReloadRecord> {
  let activity = 'queued';
  const onRecord = (record: ReloadRecord): void => {
    activity = activityOf(record);
  };
  const progress = startProgress(output, () => activity);
  return follow(client, { ...followed, onRecord }).finally(() => progress.end());
}

function activityOf({ stages }: ReloadRecord): string {
  return stages.find(({ status }) => status === 'running')?.name ?? 'queued';
}

function printList(output: Output, records: readonly ReloadRecord[]): void {
  const rows = records.map(({ id, trigger, dry_run: isDryRun, status, requested_at: at, duration_ms: ms, error }) => {
    const asked = isDryRun ? `${trigger} (dry run)` : trigger;
    return [
      output.isTerminal ? id.slice(0, SHORT_ID) : id,
      asked,
      status,
      at,
      formatMs(ms),
      error === null ? '' : toOneCell(error.message),
    ];
  });
  printTable(output, ['ID', 'TRIGGER', 'STATUS', 'REQUESTED AT', 'TOOK', 'ERROR'], rows);
}

/** A message that lists problems, on one line. */
export function toOneCell(message: string): string {
  return message.replaceAll(/\s*\n\s*(?:- )?/g, ' ');
}
