import { SettingReader, SETTINGS } from '../config/settings/index.js';
import { toMxcpError } from '../errors/index.js';
import type { CommandModule, Options } from './command.js';
import { COMMANDS } from './command-table.js';
import type { EarlySignals } from './early-signals.js';
import { createOutput, type Output } from './output.js';
import { parseCommandLine, type Invocation, type Misuse } from './parse-command-line.js';
import { printErrorJson, reportFailure } from './report-failure.js';

/** The one entrance of the command `mxcp`, and the one place where its errors become output and an exit code. */
export async function main(argv: readonly string[], early: EarlySignals): Promise<void> {
  const output = createOutput();
  try {
    process.exit(await runCommandLine(argv, output, early));
  } catch (thrown) {
    // Also JSON of a failure can find no place; a person is told of both.
    const error = toMxcpError(thrown);
    reportFailure(output, error, { json: false, debug: false, module: undefined, cwd: process.cwd() });
    process.exit(error.exitCode);
  }
}

async function runCommandLine(argv: readonly string[], output: Output, early: EarlySignals): Promise<number> {
  const commandLine = parseCommandLine(argv, output);
  switch (commandLine.kind) {
    case 'answered':
      return 0;
    case 'misuse':
      return endMisuse(commandLine, output);
    case 'invocation':
      return runCommand(commandLine, output, early);
  }
}

async function endMisuse({ error, wantsJson, load }: Misuse, output: Output): Promise<number> {
  if (wantsJson) {
    printErrorJson(output, error, { module: await load?.(), cwd: process.cwd() });
  }
  return error.exitCode;
}

async function runCommand(invocation: Invocation, output: Output, early: EarlySignals): Promise<number> {
  const { args, options } = invocation;
  const cwd = process.cwd();
  let module: CommandModule | undefined;
  try {
    module = await invocation.load();
    return await module.run(args, options, { env: process.env, cwd, output, early, commands: COMMANDS });
  } catch (thrown) {
    const error = toMxcpError(thrown);
    const json = options['jsonOutput'] === true || options['json'] === true;
    reportFailure(output, error, { json, debug: isDebug(options), module, cwd });
    return module?.toExitCode?.(error) ?? error.exitCode;
  }
}

function isDebug(options: Options): boolean {
  return new SettingReader(process.env).require(SETTINGS.debug, options['debug']);
}
