import { resolve } from 'node:path';
import {
  firstLineOf,
  formatProblem,
  groupByFile,
  messageOf,
  type MxcpError,
  toMxcpError,
} from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { Server } from '../../server/index.js';
import { findProjectRoot } from '../../settings/index.js';
import { BUG_EXIT_CODE, type CommandContext, type CommandModule } from '../kit/command.js';
import { startProgress } from '../kit/output.js';
import { loadProjectSettings } from '../kit/project-loading.js';

/** Extra time after the shutdown deadline before the process ends itself: a running query makes `process.exit` hang. */
const WATCHDOG_GRACE_MS = 1_000;

/** Serves until a stop signal arrives or the client of stdio mode goes. Answers 0 after an orderly end. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const settings = loadProjectSettings(options, context);
  const server = new Server({ settings, env: context.env, keptThreads: context.early.threads });
  context.output.scrubWith((text) => server.scrub(text));
  const crash = watchForCrash(server.logger);
  const stopped = Promise.race([stopSignal(server, context), crash.crashed]);
  const progress = startProgress(context.output, () => server.activity);
  const stoppedEarly = await Promise.race([server.start(), stopped]).finally(() => progress.end());
  if (stoppedEarly === undefined) {
    passHangups(server, context);
    await Promise.race([stopped, server.clientGone]);
  }
  startWatchdog(server, settings.shutdownTimeoutMs);
  await server.close();
  return crash.exitCode;
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

function startWatchdog(server: Server, shutdownTimeoutMs: number): void {
  setTimeout(() => endAtOnce(server), shutdownTimeoutMs + WATCHDOG_GRACE_MS).unref();
}

function endAtOnce(server: Server): void {
  try {
    server.abandon();
  } finally {
    // Not `process.exit`, which waits for threads that may be what hangs.
    process.kill(process.pid, 'SIGKILL');
  }
}

/** A hangup that came before the server was ready is made good now. */
function passHangups(server: Server, { early }: CommandContext): void {
  early.onHangup = () => {
    try {
      server.reload({ trigger: 'sighup' });
    } catch (error) {
      server.logger.warn({ component: 'reload', reason: messageOf(error) }, 'SIGHUP ignored');
    }
  };
  if (early.hangups > 0) early.onHangup();
}

/** A start that fails because of endpoint files lists them, as users of the format know it. */
export const toErrorJson: NonNullable<CommandModule['toErrorJson']> = (error, cwd) => {
  const { message, code } = error;
  if (code !== 'endpoint_invalid') return { status: 'error', message, code };
  return {
    status: 'error',
    message: firstLineOf(message),
    code,
    failed_endpoints: toFailedEndpoints(error, findProjectRoot(cwd)),
  };
};

function toFailedEndpoints({ problems }: MxcpError, root: string): { path: string; error: string }[] {
  return [...groupByFile(problems)].map(([file, found]) => ({
    path: resolve(root, file),
    error: found.map(formatProblem).join('; '),
  }));
}

export interface CrashWatch {
  /** Resolves at the first error that was thrown where nobody catches; never otherwise. */
  readonly crashed: Promise<'crashed'>;
  /** What the process ends with: 0 until something crashed. */
  readonly exitCode: number;
}

/**
 * Hears of errors that nobody catches. After one the state of the process is unknown, so that it may only clean up and
 * end; it has told one line about it, which like any other has passed the net and is also in the log file.
 */
export function watchForCrash(logger: Logger): CrashWatch {
  let exitCode = 0;
  const crashed = new Promise<'crashed'>((resolveCrashed) => {
    const onCrash = (thrown: unknown): void => {
      exitCode = BUG_EXIT_CODE;
      logger.fatal(
        { detail: toMxcpError(thrown).detail ?? messageOf(thrown) },
        'unexpected error in mxcp; shutting down',
      );
      resolveCrashed('crashed');
    };
    process.on('uncaughtException', onCrash);
    process.on('unhandledRejection', onCrash);
  });
  return {
    crashed,
    get exitCode() {
      return exitCode;
    },
  };
}
