import { loadSettings } from '../../config/index.js';
import { messageOf, toMxcpError, type MxcpError, type Problem } from '../../errors/index.js';
import { Server } from '../../server/index.js';
import type { CommandContext, CommandModule, OptionSpec } from '../command.js';
import { printError, type Output } from '../output.js';
import { ALL_SETTINGS, toSettingFlags, toSettingOptions } from '../setting-options.js';

/** Extra time after the shutdown deadline before the process ends itself: a running query makes `process.exit` hang. */
const WATCHDOG_GRACE_MS = 1_000;

export const options: readonly OptionSpec[] = [
  ...toSettingOptions(ALL_SETTINGS),
  { flags: '--json-output', doc: 'Report a start that fails as JSON on standard output.' },
];

/** Serves until a stop signal arrives or the client of stdio mode goes. Answers 0 after an orderly end. */
export const run: CommandModule['run'] = async (_args, given, context) => {
  const settings = loadSettings({ flags: toSettingFlags(given), env: context.env, cwd: context.cwd });
  const server = new Server({ settings, env: context.env });
  const stopped = stopSignal(context, settings.shutdownTimeoutMs);
  try {
    if ((await Promise.race([server.start(), stopped])) === 'stopped') {
      await server.close();
      return 0;
    }
  } catch (thrown) {
    const error = toMxcpError(thrown);
    reportStartFailure(error, { json: given['jsonOutput'] === true, debug: settings.debug }, context.output);
    return error.exitCode;
  }
  passHangups(server, context);
  await Promise.race([stopped, server.clientGone.then(() => startWatchdog(settings.shutdownTimeoutMs))]);
  await server.close();
  return 0;
};

/** Resolves at the first stop signal; a second one ends the process at once. */
function stopSignal({ early }: CommandContext, shutdownTimeoutMs: number): Promise<'stopped'> {
  return new Promise((resolve) => {
    early.onStop = () => {
      if (early.stops > 1) process.kill(process.pid, 'SIGKILL');
      startWatchdog(shutdownTimeoutMs);
      resolve('stopped');
    };
  });
}

function startWatchdog(shutdownTimeoutMs: number): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), shutdownTimeoutMs + WATCHDOG_GRACE_MS).unref();
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

interface FailureForm {
  readonly json: boolean;
  readonly debug: boolean;
}

function reportStartFailure(error: MxcpError, form: FailureForm, output: Output): void {
  if (form.json) {
    const [message] = error.message.split('\n', 1);
    const failed =
      error.code === 'endpoint_invalid' ? { failed_endpoints: toFailedEndpoints(error.problems) } : {};
    output.json({ status: 'error', message, ...failed });
  }
  printError(output, error, form.debug);
}

function toFailedEndpoints(problems: readonly Problem[]): { path: string; error: string }[] {
  const byFile = new Map<string, string[]>();
  for (const { file, message } of problems) byFile.set(file, [...(byFile.get(file) ?? []), message]);
  return [...byFile].map(([path, messages]) => ({ path, error: messages.join('; ') }));
}
