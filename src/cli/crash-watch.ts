import { messageOf, toMxcpError } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import { BUG_EXIT_CODE } from './exit-codes.js';

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
  const crashed = new Promise<'crashed'>((resolve) => {
    const onCrash = (thrown: unknown): void => {
      exitCode = BUG_EXIT_CODE;
      logger.fatal(
        { detail: toMxcpError(thrown).detail ?? messageOf(thrown) },
        'unexpected error in mxcp; shutting down',
      );
      resolve('crashed');
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
