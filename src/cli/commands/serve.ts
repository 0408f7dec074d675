import { createReadStream, createWriteStream, fstatSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { firstLineOf, formatProblem, groupByFile, messageOf, toMxcpError } from '../../errors/index.js';
import type { Logger, LogSink } from '../../logging/index.js';
import { Server } from '../../server/index.js';
import type { ServerSettings } from '../../settings/index.js';
import { notifySystemd, type SystemdNotifier, takeServiceEnvironment } from '../../systemd/index.js';
import { BUG_EXIT_CODE, type CommandContext, type CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import { startProgress } from '../terminal/progress.js';

/** After the last line of the log, so that it reaches the log file. */
const FLUSH_MS = 50;

/** Serves until a stop signal arrives or, in stdio mode, the client goes. Exits with 0 after an orderly shutdown. */
export const run: CommandModule['run'] = (_args, options, context) =>
  serveUntilStopped(loadProjectSettings(options, context), context);

interface ServeExtras {
  readonly logSinks?: readonly LogSink[];
  /** Called once, when clients can call, with the URL of the MCP endpoint; without one in stdio mode. */
  readonly onReady?: (url: string | undefined) => void;
}

/** Throws what a failed start throws, after everything was closed; it can then be called again. */
export async function serveUntilStopped(
  settings: ServerSettings,
  context: CommandContext,
  { logSinks, onReady }: ServeExtras = {},
): Promise<number> {
  const service = takeServiceEnvironment(context.env);
  const server = new Server({
    settings,
    env: context.env,
    keptThreads: context.early.threads,
    sockets: service.sockets,
    openStreams: () => openStandardStreams(context.early.streams),
    ...(logSinks && { logSinks }),
  });
  context.output.scrubWith((text) => server.scrub(text));
  context.early.onReopen = () => server.reopenLog();
  const crash = watchForCrash(server.logger);
  const notifier = await notifySystemd(service, server);
  try {
    const stopped = Promise.race([stopSignal(server, context), crash.happened]);
    const progress = startProgress(context.output, () => server.activity);
    const stoppedEarly = await Promise.race([server.start(), stopped]).finally(() => progress.end());
    if (stoppedEarly === undefined) {
      reloadOnHangup(server, context, notifier);
      onReady?.(server.url);
      await Promise.race([stopped, server.clientGone]);
    }
    const { stopSignal: signal } = context.early;
    const cause = crash.exitCode === 0 ? 'the client disconnected' : 'unexpected error';
    const why = signal === undefined ? { cause } : { signal, parent: describeParent() };
    if (signal !== undefined) await Promise.race([server.leaveRotation(why), crash.happened]);
    setTimeout(() => endLate(server, settings), settings.shutdownTimeoutMs).unref();
    await server.close(why);
    return crash.exitCode;
  } finally {
    crash.dispose();
    notifier?.dispose();
  }
}

/** Node does not say who sent a signal; often it was the process that started this one. */
function describeParent(): string {
  try {
    return `${process.ppid} (${readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim()})`;
  } catch {
    // No Linux, the parent has ended, or systemd hides other processes (`ProtectProc=`).
    return String(process.ppid);
  }
}

/** Resolves at the first stop signal; a second one ends the process at once. */
function stopSignal(server: Server, { early }: CommandContext): Promise<'stopped'> {
  return new Promise((resolveStopped) => {
    early.onStop = () => {
      if (early.stops > 1) endAtOnce(server);
      resolveStopped('stopped');
    };
  });
}

/**
 * Ends a process whose shutdown does not end, because a query runs that no interrupt reaches: one that waits for a pipe, or is within
 * one function. `process.exit` would wait for its thread, so the process ends by the signal, which shells show as 143.
 */
function endLate(server: Server, { shutdownTimeoutMs }: ServerSettings): void {
  const calls = server.runningCalls;
  server.logger.fatal(
    { ...(calls.length > 0 && { running: calls.join(', ') }) },
    `the shutdown took longer than ${shutdownTimeoutMs / 1000} s (\`--shutdown-timeout\`), so the process is ended`,
  );
  try {
    server.abandon();
  } finally {
    setTimeout(() => {
      process.removeAllListeners('SIGTERM');
      process.kill(process.pid, 'SIGTERM');
    }, FLUSH_MS);
  }
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
function reloadOnHangup(server: Server, { early }: CommandContext, notifier: SystemdNotifier | undefined): void {
  early.onHangup = () => {
    try {
      server.reload({ trigger: 'sighup' });
    } catch (error) {
      server.logger.warn({ component: 'reload', reason: messageOf(error) }, 'SIGHUP ignored');
      notifier?.hangupIgnored();
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

interface CrashWatch {
  readonly happened: Promise<'crashed'>;
  /** 0 until it has happened. */
  readonly exitCode: number;
  dispose(): void;
}

/**
 * Waits for the first error that no code catches. After one, the state of the process is unknown, so it only cleans up and ends.
 * Each one is logged on one line, which is redacted and written to the log file like any other.
 */
function watchForCrash(logger: Logger): CrashWatch {
  let exitCode = 0;
  let settle: ((crashed: 'crashed') => void) | undefined;
  const happened = new Promise<'crashed'>((resolveHappened) => (settle = resolveHappened));
  const handle = (thrown: unknown): void => {
    exitCode = BUG_EXIT_CODE;
    const detail = toMxcpError(thrown).detail ?? messageOf(thrown);
    logger.fatal({ detail }, 'unexpected error in mxcp; shutting down');
    settle?.('crashed');
  };
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  for (const event of events) process.on(event, handle);
  const dispose = (): void => events.forEach((event) => process.off(event, handle));
  return {
    happened,
    dispose,
    get exitCode() {
      return exitCode;
    },
  };
}

/** Opens standard input and output as streams, where the launcher has put them. Called at most once. */
function openStandardStreams({ input, output }: { readonly input: number; readonly output: number }): {
  readonly input: Readable;
  readonly output: Writable;
} {
  if (input === 0) return { input: process.stdin, output: process.stdout };
  return { input: toReadable(input), output: toWritable(output) };
}

function toReadable(fd: number): Readable {
  if (isatty(fd)) return new ReadStream(fd);
  return isPipe(fd)
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream('', { fd, autoClose: false });
}

function toWritable(fd: number): Writable {
  if (isatty(fd)) return new WriteStream(fd);
  return isPipe(fd)
    ? new Socket({ fd, readable: false, writable: true })
    : createWriteStream('', { fd, autoClose: false });
}

/** Node connects the processes that it starts by sockets, a shell connects them by pipes. */
function isPipe(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket();
}
