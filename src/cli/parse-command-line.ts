import { Argument, Command, CommanderError, Option } from 'commander';
import { version } from '../version/index.js';
import type { ArgumentSpec, CommandEntry, OptionSpec, Options } from './command.js';
import { COMMANDS } from './command-table.js';
import { formatExitCodes } from './exit-codes.js';
import type { Output } from './output.js';

/** The command that was asked for, with what commander made of its arguments. */
export interface Invocation {
  readonly load: NonNullable<CommandEntry['load']>;
  readonly args: readonly string[];
  readonly options: Options;
}

type Select = (invocation: Invocation) => void;

/**
 * Parses a command line without loading any command. Null when commander has answered itself (`--help`, `--version`).
 * Throws `CommanderError` on misuse, after telling the person.
 */
export function parseCommandLine(argv: readonly string[], output: Output): Invocation | null {
  let invocation: Invocation | undefined;
  const program = createProgram(output, (selected) => {
    invocation = selected;
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    throw error;
  }
  return invocation ?? null;
}

function createProgram(output: Output, select: Select): Command {
  const program = new Command('mxcp')
    .description('Serve a folder of SQL and Python endpoints over DuckDB to AI clients')
    .version(version, '-V, --version', 'Print the version.')
    .exitOverride()
    .configureOutput({ writeOut: output.write, writeErr: output.writeError })
    .showHelpAfterError('(run with --help to see all options)')
    .addHelpText('after', `\n${formatExitCodes()}`);
  for (const entry of COMMANDS) addCommand(program, entry, select);
  return program;
}

function addCommand(parent: Command, entry: CommandEntry, select: Select): void {
  const command = parent.command(entry.name).description(entry.doc);
  for (const spec of entry.arguments ?? []) command.addArgument(toCommanderArgument(spec));
  for (const spec of entry.options ?? []) command.addOption(toCommanderOption(spec));
  for (const subcommand of entry.subcommands ?? []) addCommand(command, subcommand, select);
  const { load, examples } = entry;
  if (examples !== undefined) command.addHelpText('after', `\nExamples:\n${indent(examples)}`);
  if (load !== undefined) {
    command.action(() => select({ load, args: command.args, options: command.opts() }));
  }
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

function toCommanderArgument({ usage, doc, choices }: ArgumentSpec): Argument {
  const argument = new Argument(usage, doc);
  return choices === undefined ? argument : argument.choices(choices);
}

function toCommanderOption({ flags, doc, repeatable }: OptionSpec): Option {
  const option = new Option(flags, doc);
  if (repeatable !== true) return option;
  return option.argParser((value: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    value,
  ]);
}
