import { resolve } from 'node:path';
import { firstLineOf, formatProblem, groupByFile, messageOf, toMxcpError } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { Server } from '../../server/index.js';
import { BUG_EXIT_CODE, type CommandContext, type CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import { startProgress } from '../terminal/progress.js';

/** Extra time after the shutdown deadline before the process ends itself: a running query makes `process.exit` hang. */
const WATCHDOG_GRACE_MS = 1_000;

/** Serves until a stop signal arrives or, in stdio mode, the client goes. Exits with 0 after an orderly shutdown. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const settings = loadProjectSettings(options, context);
  const server = new Server({ settings, env: context.env, keptThreads: context.early.threads });
  context.output.scrubWith((text) => server.scrub(text));
  let exitCode = 0;
  const crashed = onCrash(server.logger, () => (exitCode = BUG_EXIT_CODE));
  const stopped = Promise.race([stopSignal(server, context), crashed]);
  const progress = startProgress(context.output, () => server.activity);
  const stoppedEarly = await Promise.race([server.start(), stopped]).finally(() => progress.end());
  if (stoppedEarly === undefined) {
    reloadOnHangup(server, context);
    await Promise.race([stopped, server.clientGone]);
  }
  setTimeout(() => endAtOnce(server), settings.shutdownTimeoutMs + WATCHDOG_GRACE_MS).unref();
  await server.close();
  return exitCode;
};

/** Resolves at the first stop signal; a second one ends the process at once. */
function stopSignal(server: Server, { early }: CommandContext): Promise<'stopped'> {
  return new Promise((resolveStopped) => {
    early.onStop = () => {
      if (early.stops > 1) endAtOnce(server);
      resolveStopped('stopped');
    };
  });
}

function endAtOnce(server: Server): void {
  try {
    server.abandon();
  } finally {
    // Not `process.exit`: it waits for the very threads that may be hanging.
    process.kill(process.pid, 'SIGKILL');
  }
}

/** SIGHUP reloads; one that came before the server was ready reloads now. */
function reloadOnHangup(server: Server, { early }: CommandContext): void {
  early.onHangup = () => {
    try {
      server.reload({ trigger: 'sighup' });
    } catch (error) {
      server.logger.warn({ component: 'reload', reason: messageOf(error) }, 'SIGHUP ignored');
    }
  };
  if (early.hangups > 0) early.onHangup();
}

/** A start that fails because of endpoint files lists them, as the format defines it. */
export const errorDetails: NonNullable<CommandModule['errorDetails']> = (
  { message, code, problems },
  options,
  context,
) => {
  if (code !== 'endpoint_invalid') return undefined;
  const { projectRoot } = loadProjectSettings(options, context);
  const failedEndpoints = [...groupByFile(problems)].map(([file, found]) => ({
    path: resolve(projectRoot, file),
    error: found.map(formatProblem).join('; '),
  }));
  return { message: firstLineOf(message), failed_endpoints: failedEndpoints };
};

/**
 * Resolves at the first error that no code catches. After one, the state of the process is unknown, so it only cleans up and
 * ends. Each one is logged on one line, which is redacted and written to the log file like any other.
 */
function onCrash(logger: Logger, note: () => void): Promise<'crashed'> {
  return new Promise((resolveCrashed) => {
    const handle = (thrown: unknown): void => {
      note();
      const detail = toMxcpError(thrown).detail ?? messageOf(thrown);
      logger.fatal({ detail }, 'unexpected error in mxcp; shutting down');
      resolveCrashed('crashed');
    };
    process.on('uncaughtException', handle);
    process.on('unhandledRejection', handle);
  });
}
