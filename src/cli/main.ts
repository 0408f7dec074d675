import { MxcpError, toMxcpError, visible, visibleLines } from '../errors/index.js';
import { isDebug } from '../settings/index.js';
import { PROGRAM } from './command-table.js';
import type { CommandModule, EarlySignals } from './command/command.js';
import { type Invocation, parseCommandLine } from './parse-command-line.js';
import { createOutput, errorLabel, type Output } from './terminal/output.js';

/** The entry point of the command `mxcp`. Nothing else turns its errors into output and an exit code. */
export async function main(argv: readonly string[], early: EarlySignals): Promise<void> {
  const output = createOutput(early.streams.output);
  try {
    process.exit(await runCommandLine(argv, output, early));
  } catch (thrown) {
    // Help or the JSON of a failure could not be written; the failure itself is on standard error already.
    const error = toMxcpError(thrown);
    printError(output, error, { withDetail: false });
    process.exit(error.exitCode);
  }
}

async function runCommandLine(argv: readonly string[], output: Output, early: EarlySignals): Promise<number> {
  const commandLine = parseCommandLine(argv, output);
  switch (commandLine.kind) {
    case 'answered':
      return 0;
    case 'misuse':
      if (commandLine.wantsJson) printErrorJson(output, commandLine.error);
      return commandLine.error.exitCode;
    case 'invocation':
      return runCommand(commandLine, output, early);
  }
}

async function runCommand({ load, args, options }: Invocation, output: Output, early: EarlySignals): Promise<number> {
  let module: CommandModule | undefined;
  const context = { env: process.env, cwd: workingDirectory(), output, early, program: PROGRAM };
  try {
    module = await load();
    return await module.run(args, options, context);
  } catch (thrown) {
    const error = toMxcpError(thrown);
    const wantsJson = options['jsonOutput'] === true || options['json'] === true;
    try {
      // A result that could not be written leaves no place for its JSON either.
      if (wantsJson && error.code !== 'output_failed')
        printErrorJson(output, error, module?.errorDetails?.(error, options, context));
    } finally {
      const withDetail = isDebug({ flags: options, env: process.env });
      printError(output, error, { withDetail });
    }
    return error.exitCode;
  }
}

/** Throws `usage` if the folder was deleted. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new MxcpError('usage', 'the working directory does not exist any more; change to another folder', {
      cause: error,
    });
  }
}

/** For a person, who may see what clients must not. An unexpected error always has its detail, which is its only trace. */
function printError(output: Output, error: MxcpError, { withDetail }: { withDetail: boolean }): void {
  output.warn(`${errorLabel(output)} ${visible(error.logMessage, '\n\t')}`);
  if ((withDetail || error.code === 'internal') && error.detail !== undefined)
    output.warn(visible(error.detail, '\n\t'));
}

/** For a program: one form for all commands, to which a command may add details. */
function printErrorJson(
  output: Output,
  { code, logMessage: message }: MxcpError,
  details?: Readonly<Record<string, unknown>>,
): void {
  const json = { status: 'error', error: code, message, code, ...details };
  output.write(`${visibleLines(output.scrub(JSON.stringify(json, null, 2)))}\n`);
}
