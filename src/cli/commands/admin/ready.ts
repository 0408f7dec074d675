import { connectAdmin, printChecks } from '../../kit/admin-output.js';
import type { CommandModule } from '../../kit/command.js';

export { toErrorJson, toExitCode } from '../../kit/admin-output.js';

/** Answers 1 when calls would not be served now. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const probe = await connectAdmin(options, context).ready();
  const isReady = probe.status === 'ok';
  if (options['json'] === true) {
    context.output.json(probe);
  } else {
    printChecks(context.output, probe.checks);
    context.output.print(isReady ? 'ready' : 'not ready');
  }
  return isReady ? 0 : 1;
};
