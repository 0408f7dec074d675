import { Argument, Command, CommanderError, Option } from 'commander';
import { MxcpError, toOneLine, visible } from '../errors/index.js';
import { version } from '../version/index.js';
import { explainMisuse } from './command-line-slips.js';
import { PROGRAM } from './command-table.js';
import {
  type ArgumentSpec,
  type CommandEntry,
  formatExitCodes,
  type Options,
  type OptionSpec,
} from './command/command.js';
import { errorLabel, type Output } from './terminal/output.js';

/** A command line that was understood. */
export interface Invocation {
  readonly kind: 'invocation';
  readonly load: NonNullable<CommandEntry['load']>;
  readonly args: readonly string[];
  readonly options: Options;
}

/** A command line that was not understood. The reason is printed; JSON, if asked for, is not printed yet. */
interface Misuse {
  readonly kind: 'misuse';
  readonly error: MxcpError;
  readonly wantsJson: boolean;
}

/** `answered`: commander has printed what was asked for (`--help`, `--version`). */
export type CommandLine = Invocation | Misuse | { readonly kind: 'answered' };

/** Parses a command line without loading any command. */
export function parseCommandLine(argv: readonly string[], output: Output): CommandLine {
  let selected: Invocation | undefined;
  try {
    const program = createProgram(output, (invocation) => (selected = invocation));
    program.parse(namesNoCommand(argv) ? withoutHelp(argv) : [...argv], { from: 'user' });
    return selected ?? { kind: 'answered' };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'answered' };
    const message = explainMisuse(error, argv);
    // A group without a command prints its help instead.
    if (error.code !== 'commander.help') {
      const help = `\`${['mxcp', ...followCommands(argv).names, '--help'].join(' ')}\``;
      output.warn(`${errorLabel(output)} ${visible(message)}\n${help} shows what can be given`);
    }
    const reason = new MxcpError('usage', toOneLine(message));
    return { kind: 'misuse', error: reason, wantsJson: asksForJson(argv) };
  }
}

const HELP_WORDS: readonly string[] = ['help', '-h', '--help'];

function withoutHelp(argv: readonly string[]): readonly string[] {
  return argv.filter((word, index) => !HELP_WORDS.includes(word) || isProjectPlace(argv, index));
}

/** Whether a word is the value of an option that is also accepted before the command. */
function isProjectPlace(argv: readonly string[], index: number): boolean {
  return (PROGRAM.options ?? []).some(({ flags }) => flags.match(/-[\w-]+/g)?.includes(argv[index - 1] ?? ''));
}

/** Whether a command is named that does not exist. Commander prints the general help if that is asked for too. */
function namesNoCommand(argv: readonly string[]): boolean {
  return followCommands(argv).unknown !== undefined;
}

/** The command that is named and its group, as far as they exist, and the first name that does not. */
function followCommands(argv: readonly string[]): { readonly names: readonly string[]; readonly unknown?: string } {
  const names: string[] = [];
  let entries = PROGRAM.subcommands ?? [];
  for (const [index, word] of argv.entries()) {
    if (word.startsWith('-') || word === 'help' || isProjectPlace(argv, index)) continue;
    const entry = entries.find(({ name }) => name === word);
    if (entry === undefined) return { names, unknown: word };
    names.push(word);
    if (entry.subcommands === undefined) break;
    entries = entry.subcommands;
  }
  return { names };
}

/** Commander stops at the first error, so it may not have parsed the option that asks for JSON. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv : argv.slice(0, end);
  return options.includes('--json-output') || options.includes('--json');
}

function createProgram(output: Output, select: (invocation: Invocation) => void): Command {
  const program = new Command('mxcp')
    .description('Serve a folder of SQL and Python endpoints over DuckDB to AI clients')
    .version(version, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this help.')
    .helpCommand('help [command]', 'Print the help of a command')
    .exitOverride()
    // Errors are printed with what was probably meant.
    .configureOutput({ writeOut: output.write, writeErr: output.writeError, outputError: () => {} })
    .addHelpText('after', `\n${formatExitCodes()}`);
  for (const spec of PROGRAM.options ?? []) program.addOption(toCommanderOption(spec));
  for (const entry of PROGRAM.subcommands ?? []) addCommand(program, entry, select);
  return program;
}

function addCommand(parent: Command, entry: CommandEntry, select: (invocation: Invocation) => void): void {
  const command = parent.command(entry.name).description(entry.doc).exitOverride();
  command.helpOption('-h, --help', 'Print this help.');
  if (entry.subcommands !== undefined) command.helpCommand('help [command]', 'Print the help of a command');
  for (const spec of entry.arguments ?? []) command.addArgument(toCommanderArgument(spec));
  for (const spec of entry.options ?? []) command.addOption(toCommanderOption(spec));
  for (const subcommand of entry.subcommands ?? []) addCommand(command, subcommand, select);
  const { load, examples } = entry;
  if (examples !== undefined)
    command.addHelpText('after', ['\nExamples:', ...examples.map((line) => `  ${line}`)].join('\n'));
  if (load !== undefined) {
    command.action(() => {
      refuseForeignOptions(command);
      // Commander gives the options that are also accepted before the command to the program, wherever they are.
      const options = command.optsWithGlobals();
      select({ kind: 'invocation', load, args: command.args, options });
    });
  }
}

/** Commander takes an option of the program after any command, even where it would have no effect. */
function refuseForeignOptions(command: Command): void {
  const own = new Set(command.options.map((option) => option.attributeName()));
  const root = findRoot(command);
  const given = new Set(Object.keys(root.opts()));
  const foreign = root.options.find((option) => given.has(option.attributeName()) && !own.has(option.attributeName()));
  if (foreign !== undefined) command.error(`error: unknown option '${foreign.long ?? foreign.flags}'`);
}

function findRoot(command: Command): Command {
  return command.parent === null ? command : findRoot(command.parent);
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
