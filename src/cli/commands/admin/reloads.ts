import type { AdminClient } from '../../../admin/client/index.js';
import { MxcpError } from '../../../errors/index.js';
import { connectAdmin, formatCause, formatMs, formatStage, printOutcome } from '../../kit/admin-output.js';
import type { CommandContext, CommandModule, Options } from '../../kit/command.js';
import { printFields, printTable } from '../../kit/output.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

const DEFAULT_LIMIT = 20;

export const run: CommandModule['run'] = async ([id], options, context) => {
  const client = connectAdmin(options, context);
  if (id === undefined) await list(client, options, context);
  else await showOne(client, id, { options, context });
  return 0;
};

async function list(client: AdminClient, options: Options, { output }: CommandContext): Promise<void> {
  const answer = await client.reloads({ limit: readLimit(options['limit']) });
  if (options['json'] === true) {
    output.json(answer);
    return;
  }
  printTable(
    output,
    ['ID', 'TRIGGER', 'STATUS', 'REQUESTED AT', 'TOOK', 'ERROR'],
    answer.reloads.map((record) => [
      record.id,
      record.dry_run ? `${record.trigger} (dry run)` : record.trigger,
      record.status,
      record.requested_at,
      formatMs(record.duration_ms),
      record.error === null ? '' : formatCause(record.error.message),
    ]),
  );
}

interface Asked {
  readonly options: Options;
  readonly context: CommandContext;
}

async function showOne(client: AdminClient, id: string, { options, context }: Asked): Promise<void> {
  const { output } = context;
  const record = await client.reloadRecord(id);
  if (options['json'] === true) {
    output.json(record);
    return;
  }
  printFields(output, [
    ['id', record.id],
    ['trigger', record.trigger],
    ['requested at', record.requested_at],
    ['took', formatMs(record.duration_ms)],
  ]);
  for (const stage of record.stages) output.print(formatStage(stage));
  printOutcome(output, record);
}

function readLimit(given: unknown): number {
  if (given === undefined) return DEFAULT_LIMIT;
  const limit = Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new MxcpError('usage', `--limit must be a whole number from 1 to 1000, not ${String(given)}`);
}
