import { connectAdmin } from '../../kit/admin-output.js';
import type { CommandModule } from '../../kit/command.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

export const run: CommandModule['run'] = async (_args, options, context) => {
  const health = await connectAdmin(options, context).health();
  if (options['json'] === true) context.output.json(health);
  else context.output.print(`${health.status} at ${health.timestamp}`);
  return 0;
};
