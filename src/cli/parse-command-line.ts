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
} from './command/command.js';
import type { Output } from './terminal/output.js';

/** A command line that was understood. */
export interface Invocation {
  readonly kind: 'invocation';
  readonly load: NonNullable<CommandEntry['load']>;
  readonly args: readonly string[];
  readonly options: Options;
}

/** A command line that was not understood. Commander has printed the reason; JSON, if asked for, is not printed yet. */
interface Misuse {
  readonly kind: 'misuse';
  readonly error: MxcpError;
  readonly wantsJson: boolean;
  /** The command whose arguments are wrong, or one of its group; undefined for an unknown command. */
  readonly load: CommandEntry['load'];
}

/** `answered`: commander has printed what was asked for (`--help`, `--version`). */
export type CommandLine = Invocation | Misuse | { readonly kind: 'answered' };

/** What commander has found so far. */
interface Parsing {
  selected?: Invocation;
  /** Where commander stopped, to print help or because of an error. */
  stoppedAt?: CommandEntry;
}

/** Parses a command line without loading any command. */
export function parseCommandLine(argv: readonly string[], output: Output): CommandLine {
  const parsing: Parsing = {};
  try {
    createProgram(output, parsing).parse([...argv], { from: 'user' });
    return parsing.selected ?? { kind: 'answered' };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'answered' };
    const { stoppedAt } = parsing;
    return {
      kind: 'misuse',
      error: new MxcpError('usage', toOneLine(error.message.replace(/^error: /, ''))),
      wantsJson: asksForJson(argv),
      // All commands of a group print their errors in the same form.
      load: stoppedAt?.load ?? stoppedAt?.subcommands?.[0]?.load,
    };
  }
}

/** Commander stops at the first error, so it may not have parsed the option that asks for JSON. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv : argv.slice(0, end);
  return options.includes('--json-output') || options.includes('--json');
}

function createProgram(output: Output, parsing: Parsing): Command {
  const program = new Command('mxcp')
    .description('Serve a folder of SQL and Python endpoints over DuckDB to AI clients')
    .version(version, '-V, --version', 'Print the version.')
    .exitOverride()
    .configureOutput({ writeOut: output.write, writeErr: output.writeError })
    .showHelpAfterError('(run with --help to see all options)')
    .addHelpText('after', `\n${formatExitCodes()}`);
  for (const entry of COMMANDS) addCommand(program, entry, parsing);
  return program;
}

function addCommand(parent: Command, entry: CommandEntry, parsing: Parsing): void {
  const command = parent.command(entry.name).description(entry.doc);
  command.exitOverride((error) => {
    parsing.stoppedAt = entry;
    throw error;
  });
  for (const spec of entry.arguments ?? []) command.addArgument(toCommanderArgument(spec));
  for (const spec of entry.options ?? []) command.addOption(toCommanderOption(spec));
  for (const subcommand of entry.subcommands ?? []) addCommand(command, subcommand, parsing);
  const { load, examples } = entry;
  if (examples !== undefined)
    command.addHelpText('after', ['\nExamples:', ...examples.map((line) => `  ${line}`)].join('\n'));
  if (load !== undefined) {
    command.action(() => {
      parsing.selected = { kind: 'invocation', load, args: command.args, options: command.opts() };
    });
  }
}

function toCommanderArgument({ usage, doc, choices }: ArgumentSpec): Argument {
  const argument = new Argument(usage, doc);
  return choices === undefined ? argument : argument.choices(choices);
}

function toCommanderOption({ flags, doc, repeatable }: OptionSpec): Option {
  const option = new Option(flags, doc);
  if (repeatable !== true) return option;
  return option.argParser((value: string, previous: readonly string[] = []) => [...previous, value]);
}
