import pc from 'picocolors';
import { type MxcpError, toMxcpError } from '../errors/index.js';
import { SettingReader, SETTINGS } from '../settings/index.js';
import { COMMANDS } from './command-table.js';
import type { CommandModule, EarlySignals, Options } from './kit/command.js';
import { createOutput, type Output } from './kit/output.js';
import { type Invocation, type Misuse, parseCommandLine } from './parse-command-line.js';

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

/** What JSON of a failure is made with besides the error. */
export interface FailureSource {
  /** Absent when it was not loaded. */
  readonly module: CommandModule | undefined;
  readonly cwd: string;
}

export interface FailureForm extends FailureSource {
  readonly json: boolean;
  readonly debug: boolean;
}

/** How every failed command ends: a person reads standard error, a program may have asked for JSON besides. */
export function reportFailure(output: Output, error: MxcpError, form: FailureForm): void {
  try {
    // Where the result could not be written, there is no place for its JSON either.
    if (form.json && error.code !== 'output_failed') printErrorJson(output, error, form);
  } finally {
    tellFailure(output, error, form);
  }
}

function tellFailure(output: Output, error: MxcpError, form: FailureForm): void {
  const label = output.isErrorTerminal ? pc.red('Error:') : 'Error:';
  output.warn(`${label} ${error.message}`);
  // An error of ours that nobody foresaw is worth nothing without its place.
  if ((form.debug || error.code === 'internal') && error.detail !== undefined) output.warn(error.detail);
}

export function printErrorJson(output: Output, error: MxcpError, { module, cwd }: FailureSource): void {
  const usual = { status: 'error', error: error.message, code: error.code };
  const json = module?.toErrorJson?.(error, cwd) ?? usual;
  output.write(`${output.scrub(JSON.stringify(json, null, 2))}\n`);
}
