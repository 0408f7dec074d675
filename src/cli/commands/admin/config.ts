import type { Config } from '../../../admin/client/index.js';
import { connectAdmin, formatValue } from '../../kit/admin-output.js';
import type { CommandModule } from '../../kit/command.js';
import { type Output, printFields, printTable } from '../../kit/output.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

export const run: CommandModule['run'] = async (_args, options, context) => {
  const config = await connectAdmin(options, context).config();
  if (options['json'] === true) context.output.json(config);
  else printConfig(context.output, config);
  return 0;
};

function printConfig(output: Output, config: Config): void {
  const { duckdb, endpoints, features } = config;
  const enabled = Object.entries(features).flatMap(([name, isOn]) => (isOn ? [name] : []));
  printFields(output, [
    ['project', `${config.project} (profile ${config.profile})`],
    ['folder', config.repository_path],
    ['transport', config.transport],
    ['database', `${duckdb.path}${duckdb.readonly ? ' (read-only)' : ''}`],
    ['extensions', toList(config.extensions)],
    ['tools', toList(endpoints.tools)],
    ['resources', toList(endpoints.resources)],
    ['prompts', toList(endpoints.prompts)],
    ['features', toList(enabled)],
    ['generation', `${config.generation}, loaded at ${config.loaded_at}`],
    ['config files', toList(config.config_files)],
    ['env files', toList(config.env_files)],
  ]);
  printReferences(output, config);
  printDifferences(output, config);
}

function printReferences(output: Output, { references }: Config): void {
  if (references.length === 0) return;
  printTable(
    output,
    ['REFERENCE', 'SOURCE', 'VERSION', 'CHANGED AT', 'FINGERPRINT', 'USED BY'],
    references.map((each) => [
      each.ref,
      each.source,
      each.version ?? '-',
      each.changed_at,
      each.fingerprint,
      each.used_by.join(', '),
    ]),
  );
}

function printDifferences(output: Output, config: Config): void {
  for (const { setting, running, on_disk: onDisk } of config.restart_required) {
    output.print(`a restart would change ${setting}: ${formatValue(running)} -> ${formatValue(onDisk)}`);
  }
  const rejected = config.last_rejected;
  if (rejected !== null) {
    printFields(output, [['last rejected', `${rejected.at} (${rejected.reload_id}): ${rejected.error}`]]);
  }
}

function toList(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
