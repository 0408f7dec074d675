import type { CommandEntry, Completion, OptionSpec } from './command.js';

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

/** The completion script for bash, made from the command table. */
export function toBashCompletion(commands: readonly CommandEntry[]): string {
  const nodes = toCompletionNodes(commands);
  return `# Completion of mxcp for bash. Load it with: source <(mxcp completion bash)
_mxcp() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" at="" position=0 i skip=0
  ((COMP_CWORD > 0)) && prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if ((skip)); then skip=0; continue; fi
    case "$at|\${COMP_WORDS[i]}" in
${lines(nodes.filter(({ path }) => path.length > 0).map(toStep))}
${lines(nodes.flatMap(toSkip))}
      *'|-'*) ;;
      *) position=$((position + 1)) ;;
    esac
  done
  case "$at|$prev" in
${lines(nodes.flatMap(toValues))}
  esac
  case "$at" in
${lines(nodes.map(toPlace))}
  esac
}
complete -F _mxcp mxcp
`;
}

function lines(texts: readonly string[]): string {
  return texts.join('\n');
}

function toStep({ path }: CompletionNode): string {
  return `      '${path.slice(0, -1).join(' ')}|${path.at(-1)}') at='${path.join(' ')}'; position=0 ;;`;
}

/** The word after an option with a value is that value, not an argument. */
function toSkip({ path, options }: CompletionNode): string[] {
  const names = options.filter(({ value }) => value !== undefined).flatMap((option) => option.names);
  if (names.length === 0) return [];
  return [`      ${names.map((name) => `'${path.join(' ')}|${name}'`).join('|')}) skip=1 ;;`];
}

function toValues({ path, options }: CompletionNode): string[] {
  return options.flatMap(({ names, value, completes }) => {
    if (value === undefined) return [];
    const patterns = names.map((name) => `'${path.join(' ')}|${name}'`).join('|');
    return [`    ${patterns}) ${reply(completes)}return ;;`];
  });
}

function toPlace(node: CompletionNode): string {
  const { path, subcommands, options } = node;
  const names = options.flatMap((option) => option.names).join(' ');
  const words = subcommands.map(({ name }) => name);
  return `    '${path.join(' ')}')
      if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W '${names}' -- "$cur")); return; fi
      ${words.length > 0 ? reply(words) : toPositions(node)}return ;;`;
}

function toPositions({ arguments: all }: CompletionNode): string {
  const cases = all.map(({ completes }, index) => `${index}) ${reply(completes)};;`);
  return cases.length === 0 ? '' : `case "$position" in ${cases.join(' ')} esac; `;
}

function reply(completes: Completion | undefined): string {
  if (completes === undefined) return '';
  if (completes === 'file') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); ';
  if (completes === 'folder')
    return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")); ';
  return `COMPREPLY=($(compgen -W '${completes.join(' ')}' -- "$cur")); `;
}

/** The completion script for fish, made from the command table. */
export function toFishCompletion(commands: readonly CommandEntry[]): string {
  return `# Completion of mxcp for fish. Put it into ~/.config/fish/completions/mxcp.fish
# True when the words after mxcp begin with these; with --exactly, when there are no others.
function __mxcp_at
    set -l words (commandline -opc)[2..]
    set -l exactly 0
    if test "$argv[1]" = --exactly
        set exactly 1
        set -e argv[1]
    end
    set -l count (count $argv)
    test $exactly = 1; and test (count $words) -ne $count; and return 1
    test $count = 0; and return 0
    test (count $words) -ge $count; or return 1
    test "$words[1..$count]" = "$argv"
end
complete -c mxcp -f
${toCompletionNodes(commands).flatMap(toLines).join('\n')}
`;
}

function toLines(node: CompletionNode): string[] {
  const { path, subcommands, options } = node;
  const exactly = ['__mxcp_at', '--exactly', ...path].join(' ');
  const within = path.length === 0 ? exactly : ['__mxcp_at', ...path].join(' ');
  return [
    ...subcommands.map(
      ({ name, doc }) =>
        `complete -c mxcp -n ${quoteForFish(exactly)} -a ${quoteForFish(name)} -d ${quoteForFish(doc)}`,
    ),
    ...node.arguments.flatMap(({ completes }) =>
      completes === undefined ? [] : [`complete -c mxcp -n ${quoteForFish(within)} ${values(completes)}`],
    ),
    ...options.map((option) => `complete -c mxcp -n ${quoteForFish(within)} ${toFishOption(option)}`),
  ];
}

function toFishOption({ names, doc, value, completes }: CompletionOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  // `-x` takes a value and offers no files beside what is offered.
  const required = value === undefined ? [] : [completes === 'file' ? '-r' : '-x'];
  const offered = completes === undefined ? [] : [values(completes)];
  return [...flags, ...required, ...offered, '-d', quoteForFish(doc)].join(' ');
}

function values(completes: Completion): string {
  if (completes === 'file') return '-F';
  if (completes === 'folder') return "-a '(__fish_complete_directories)'";
  return `-a ${quoteForFish(completes.join(' '))}`;
}

function quoteForFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}

/** The completion script for zsh, made from the command table: to be sourced, or put into a folder of `fpath`. */
export function toZshCompletion(commands: readonly CommandEntry[]): string {
  return `#compdef mxcp
# Completion of mxcp for zsh.
${toCompletionNodes(commands).map(toFunction).join('\n\n')}

if [[ "$funcstack[1]" == _mxcp ]]; then _mxcp "$@"; else compdef _mxcp mxcp; fi
`;
}

function functionName(path: readonly string[]): string {
  return ['_mxcp', ...path].join('_');
}

function toFunction(node: CompletionNode): string {
  const specs = [...node.options.map(toOptionSpec), ...toArgumentSpecs(node)];
  const call = `_arguments -s -S -C ${specs.join(' \\\n    ')}`;
  if (node.subcommands.length === 0) return `${functionName(node.path)}() {\n  ${call}\n}`;
  const described = node.subcommands.map(({ name, doc }) =>
    quoteForZsh(`${name}:${doc.replaceAll(':', '\\:')}`),
  );
  const cases = node.subcommands.map(({ name }) => `      ${name}) ${functionName([...node.path, name])} ;;`);
  return `${functionName(node.path)}() {
  local state line
  local -a commands=(
    ${described.join('\n    ')}
  )
  ${call}
  case "$state" in
    command) _describe command commands ;;
    rest) case "$line[1]" in
${cases.join('\n')}
    esac ;;
  esac
}`;
}

function toOptionSpec({ names, doc, value, completes, repeatable }: CompletionOption): string {
  const text = `[${escape(doc)}]${value === undefined ? '' : `:${escape(value)}:${action(completes)}`}`;
  const each = names.map((name) => quoteForZsh(`${repeatable ? '*' : `(${names.join(' ')})`}${name}${text}`));
  return each.join(' ');
}

function toArgumentSpecs({ subcommands, arguments: all }: CompletionNode): string[] {
  if (subcommands.length > 0) return [quoteForZsh('1:command:->command'), quoteForZsh('*::argument:->rest')];
  return all.map(({ usage, completes }, index) =>
    quoteForZsh(`${index + 1}:${escape(usage)}:${action(completes)}`),
  );
}

function action(completes: Completion | undefined): string {
  if (completes === undefined) return ' ';
  if (completes === 'file') return '_files';
  if (completes === 'folder') return '_files -/';
  return `(${completes.join(' ')})`;
}

function escape(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, '\\$&');
}

function quoteForZsh(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
