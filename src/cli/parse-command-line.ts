import { Command, CommanderError, Option } from 'commander';
import { version } from '../version/index.js';
import type { CommandModule, OptionSpec } from './command.js';
import { COMMANDS, nameOf, type CommandEntry } from './command-table.js';

/** The command that was asked for, with what commander made of its arguments. */
export interface Invocation {
  readonly module: CommandModule;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Parses a command line. Only the module of the command that was asked for is loaded. Null when commander has answered
 * itself (`--help`, `--version`). Throws `CommanderError` on misuse, after telling the person.
 */
export async function parseCommandLine(argv: readonly string[]): Promise<Invocation | null> {
  const program = new Command('mxcp')
    .description('Serve a folder of SQL endpoints over DuckDB to AI clients')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)');
  let invocation: Invocation | undefined;
  const select = (selected: Invocation): void => {
    invocation = selected;
  };
  await addCommands(program, COMMANDS, argv, select);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    throw error;
  }
  return invocation ?? null;
}

async function addCommands(
  parent: Command,
  entries: readonly CommandEntry[],
  argv: readonly string[],
  select: (selected: Invocation) => void,
): Promise<void> {
  for (const entry of entries) {
    const command = parent.command(entry.usage).description(entry.doc).exitOverride();
    if (nameOf(entry) !== argv[0]) continue;
    if (entry.subcommands !== undefined) await addCommands(command, entry.subcommands, argv.slice(1), select);
    const module = await entry.load?.();
    if (module === undefined) continue;
    for (const option of module.options) command.addOption(toCommanderOption(option));
    command.action(() => select({ module, args: command.args, options: command.opts() }));
  }
}

function toCommanderOption({ flags, doc, repeatable }: OptionSpec): Option {
  const option = new Option(flags, doc);
  if (repeatable !== true) return option;
  return option.argParser((value: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    value,
  ]);
}
