import { Argument, Command, CommanderError, Option } from 'commander';
import { MxcpError, toOneLine } from '../errors/index.js';
import { version } from '../version/index.js';
import { COMMANDS } from './command-table.js';
import {
  type ArgumentSpec,
  type CommandEntry,
  formatExitCodes,
  type Options,
  type OptionSpec,
} from './kit/command.js';
import type { Output } from './kit/output.js';

type Load = NonNullable<CommandEntry['load']>;

/** The command that was asked for, with what commander made of its arguments. */
export interface Invocation {
  readonly kind: 'invocation';
  readonly load: Load;
  readonly args: readonly string[];
  readonly options: Options;
}

/** A command line that is not understood. The person has been told, a program that asked for JSON has not. */
export interface Misuse {
  readonly kind: 'misuse';
  readonly error: MxcpError;
  readonly wantsJson: boolean;
  /** The command whose arguments are wrong, or one of its group; absent when not even that is known. */
  readonly load: Load | undefined;
}

/** `answered`: commander has answered itself (`--help`, `--version`). */
export type CommandLine = Invocation | Misuse | { readonly kind: 'answered' };

interface Listener {
  readonly select: (invocation: Invocation) => void;
  /** Commander ends at this command, with an answer of its own or because of misuse. */
  readonly end: (entry: CommandEntry) => void;
}

/** Parses a command line without loading any command. */
export function parseCommandLine(argv: readonly string[], output: Output): CommandLine {
  let selected: Invocation | undefined;
  let endedAt: CommandEntry | undefined;
  const program = createProgram(output, {
    select: (invocation) => {
      selected = invocation;
    },
    end: (entry) => {
      endedAt = entry;
    },
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? { kind: 'answered' } : toMisuse(error, argv, endedAt);
  }
  return selected ?? { kind: 'answered' };
}

function toMisuse(error: CommanderError, argv: readonly string[], entry: CommandEntry | undefined): Misuse {
  const message = toOneLine(error.message.replace(/^error: /, ''));
  return {
    kind: 'misuse',
    error: new MxcpError('usage', message),
    wantsJson: asksForJson(argv),
    // All commands of a group word their errors alike.
    load: entry?.load ?? entry?.subcommands?.[0]?.load,
  };
}

/** Commander stops at the first mistake, so what comes after it was not parsed. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv : argv.slice(0, end);
  return options.includes('--json-output') || options.includes('--json');
}

function createProgram(output: Output, listener: Listener): Command {
  const program = new Command('mxcp')
    .description('Serve a folder of SQL and Python endpoints over DuckDB to AI clients')
    .version(version, '-V, --version', 'Print the version.')
    .exitOverride()
    .configureOutput({ writeOut: output.write, writeErr: output.writeError })
    .showHelpAfterError('(run with --help to see all options)')
    .addHelpText('after', `\n${formatExitCodes()}`);
  for (const entry of COMMANDS) addCommand(program, entry, listener);
  return program;
}

function addCommand(parent: Command, entry: CommandEntry, listener: Listener): void {
  const command = parent.command(entry.name).description(entry.doc);
  command.exitOverride((error) => {
    listener.end(entry);
    throw error;
  });
  for (const spec of entry.arguments ?? []) command.addArgument(toCommanderArgument(spec));
  for (const spec of entry.options ?? []) command.addOption(toCommanderOption(spec));
  for (const subcommand of entry.subcommands ?? []) addCommand(command, subcommand, listener);
  const { load, examples } = entry;
  if (examples !== undefined) command.addHelpText('after', `\nExamples:\n${indent(examples)}`);
  if (load !== undefined) {
    command.action(() =>
      listener.select({ kind: 'invocation', load, args: command.args, options: command.opts() }),
    );
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
