import { connectAdmin } from '../../kit/admin-output.js';
import type { CommandModule } from '../../kit/command.js';
import { printTable } from '../../kit/output.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

export const run: CommandModule['run'] = async (_args, options, context) => {
  const list = await connectAdmin(options, context).endpoints();
  if (options['json'] === true) {
    context.output.json(list);
    return 0;
  }
  printTable(
    context.output,
    ['STATUS', 'TYPE', 'NAME', 'PATH', 'ERROR'],
    list.endpoints.map(({ status, type, name, path, error }) => [
      status,
      type ?? '-',
      name ?? '-',
      path,
      error ?? '',
    ]),
  );
  return 0;
};
