import { countRecords, findExpired, removeSegments } from '../../audit/index.js';
import { loadAuditConfig } from '../../config/index.js';
import { plural } from '../../errors/index.js';
import type { CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';

/** As the Python implementation keeps records; a project may say otherwise. */
const DEFAULT_DAYS = 90;

export const run: CommandModule['run'] = async (_args, options, context) => {
  const { log } = await loadAuditConfig(loadProjectSettings(options, context));
  const days = log.retentionDays ?? DEFAULT_DAYS;
  const isDryRun = options['dryRun'] === true;
  const expired = await findExpired(log.path, days);
  const counts = await countRecords(expired);
  if (!isDryRun) await removeSegments(expired);
  const records = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const what = `${plural(expired.length, 'file')} with ${plural(records, 'record')} older than ${plural(days, 'day')}`;
  const message = isDryRun ? `would remove ${what}` : `removed ${what}`;
  if (options['json'] === true) {
    const files = expired.map(({ path }) => path);
    context.output.json({ status: 'ok', result: { status: 'ok', message, deleted_per_schema: counts, files } });
  } else context.output.print(message);
  return 0;
};
