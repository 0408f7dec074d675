import { setTimeout as delay } from 'node:timers/promises';
import {
  type AdminClient,
  MAX_WAIT_MS,
  type ReloadRecord,
  type ReloadRequestOptions,
} from '../../../admin/client/index.js';
import { MxcpError } from '../../../errors/index.js';
import { parseDuration } from '../../../lifecycle/index.js';
import { connectAdmin, formatMs, formatStage, printOutcome } from '../../kit/admin-output.js';
import type { CommandContext, CommandModule, Options } from '../../kit/command.js';
import { type Output, startProgress } from '../../kit/output.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

const DEFAULT_TIMEOUT_MS = 2 * 60_000;
const POLL_MS = 50;

/** Answers 0 when the reload succeeded or, with `--no-wait`, was taken; 1 when it failed. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const { output } = context;
  const timeoutMs = readTimeout(options['timeout']);
  const client = connectAdmin(options, context);
  if (options['wait'] === false) return askOnly(client, options, context);
  const { reload_request_id: id } = await client.requestReload(toRequest(options));
  const record = await follow(client, id, {
    timeoutMs,
    output: options['json'] === true ? undefined : output,
  });
  if (options['json'] === true) output.json(record);
  else printOutcome(output, record);
  return record.status === 'success' ? 0 : 1;
};

async function askOnly(client: AdminClient, options: Options, { output }: CommandContext): Promise<number> {
  if (options['dryRun'] === true) {
    throw new MxcpError('usage', '--dry-run is there for its result; leave out --no-wait');
  }
  const accepted = await client.requestReload(toRequest(options));
  if (options['json'] === true) output.json(accepted);
  else {
    output.print(
      `reload ${accepted.reload_request_id} is queued; \`mxcp admin reloads ID\` tells how it ends`,
    );
  }
  return 0;
}

function toRequest(options: Options): ReloadRequestOptions {
  return {
    ...(options['dryRun'] === true && { dryRun: true }),
    ...(options['definitions'] === true && { definitions: true }),
    ...(options['force'] === true && { force: true }),
  };
}

interface Following {
  readonly timeoutMs: number;
  /** Where the stages are shown as they end. */
  readonly output: Output | undefined;
}

/** Resolves with the record of the reload once it has ended. Throws `wait_timeout` when it has not in time. */
async function follow(
  client: AdminClient,
  id: string,
  { timeoutMs, output }: Following,
): Promise<ReloadRecord> {
  const deadline = performance.now() + timeoutMs;
  let record = await client.reloadRecord(id);
  const shown = new Set<string>();
  const progress = output === undefined ? undefined : startProgress(output, () => activityOf(record));
  try {
    for (;;) {
      if (output !== undefined) printEnded(record, shown, output);
      if (record.status === 'success' || record.status === 'error') return record;
      if (performance.now() > deadline) throw stillRuns(id, timeoutMs, activityOf(record));
      await delay(POLL_MS);
      record = await client.reloadRecord(id);
    }
  } finally {
    progress?.end();
  }
}

/** Each stage once, when it has ended. */
function printEnded({ stages }: ReloadRecord, shown: Set<string>, output: Output): void {
  const ended = stages.filter(({ status }) => status !== 'running' && status !== 'pending');
  for (const stage of ended) {
    if (!shown.has(stage.name)) output.print(formatStage(stage));
    shown.add(stage.name);
  }
}

function activityOf({ stages }: ReloadRecord): string {
  return stages.find(({ status }) => status === 'running')?.name ?? 'waiting for its turn';
}

function stillRuns(id: string, timeoutMs: number, activity: string): MxcpError {
  return new MxcpError(
    'wait_timeout',
    `reload ${id} has not ended within ${formatMs(timeoutMs)} (${activity}) and goes on; \`mxcp admin reloads ${id}\` tells how it ends`,
  );
}

function readTimeout(given: unknown): number {
  if (given === undefined) return DEFAULT_TIMEOUT_MS;
  const timeoutMs = parseDuration(String(given));
  if (timeoutMs !== undefined && timeoutMs <= MAX_WAIT_MS) return timeoutMs;
  throw new MxcpError('usage', `--timeout must be a time like 30s or 2m, at most 10m, not ${String(given)}`);
}
