import type { CommandEntry, Completion, OptionSpec } from '../command.js';

/** What a shell may offer at one place of the command line. */
export interface CompletionNode {
  /** The words that lead here, e.g. `admin reload`; empty for `mxcp` itself. */
  readonly path: readonly string[];
  readonly subcommands: readonly CommandEntry[];
  readonly options: readonly CompletionOption[];
  /** By position. */
  readonly arguments: readonly { readonly usage: string; readonly completes: Completion | undefined }[];
}

export interface CompletionOption {
  /** `-p`, `--param`. */
  readonly names: readonly string[];
  /** The name of its value; undefined for a flag. */
  readonly value: string | undefined;
  readonly completes: Completion | undefined;
  readonly doc: string;
  readonly repeatable: boolean;
}

const HELP: OptionSpec = { flags: '-h, --help', doc: 'Print the help of this command.' };
const VERSION: OptionSpec = { flags: '-V, --version', doc: 'Print the version.' };

/** Every place of the command line, from `mxcp` itself to the last sub-command. */
export function toCompletionNodes(commands: readonly CommandEntry[]): readonly CompletionNode[] {
  const help: CommandEntry = {
    name: 'help',
    doc: 'Print the help of a command',
    arguments: [{ usage: '[command]', doc: '', completes: commands.map(({ name }) => name) }],
  };
  const root = {
    path: [],
    subcommands: [...commands, help],
    options: [HELP, VERSION].map(toOption),
    arguments: [],
  };
  return [root, ...root.subcommands.flatMap((entry) => nodesOf(entry, []))];
}

function nodesOf(entry: CommandEntry, parents: readonly string[]): readonly CompletionNode[] {
  const path = [...parents, entry.name];
  const subcommands = entry.subcommands ?? [];
  const node = {
    path,
    subcommands,
    options: [...(entry.options ?? []), HELP].map(toOption),
    arguments: (entry.arguments ?? []).map(({ usage, choices, completes }) => ({
      usage: usage.replaceAll(/[<>[\]]/g, ''),
      completes: choices ?? completes,
    })),
  };
  return [node, ...subcommands.flatMap((subcommand) => nodesOf(subcommand, path))];
}

function toOption({ flags, doc, completes, repeatable }: OptionSpec): CompletionOption {
  const names = flags.split(/,? +/).filter((part) => part.startsWith('-'));
  const value = /<(.+)>/.exec(flags)?.[1];
  return { names, value, completes, doc, repeatable: repeatable === true };
}
