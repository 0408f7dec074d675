import type { CommandEntry, CommandModule, Completion, OptionSpec } from '../command/command.js';

export const run: CommandModule['run'] = ([shell = ''], _options, { output, commands }) => {
  output.write(SCRIPTS[shell]?.(findPlaces(commands)) ?? '');
  return Promise.resolve(0);
};

const SCRIPTS: Readonly<Record<string, (places: readonly Place[]) => string>> = {
  bash: toBashScript,
  zsh: toZshScript,
  fish: toFishScript,
};

/** A place on the command line, and what a shell may offer there. */
type Place = ReturnType<typeof toPlace>;

const HELP: OptionSpec = { flags: '-h, --help', doc: 'Print the help of this command.' };
const VERSION: OptionSpec = { flags: '-V, --version', doc: 'Print the version.' };

/** The one walk over the command table: every place, from `mxcp` itself to the last subcommand. */
function findPlaces(commands: readonly CommandEntry[]): readonly Place[] {
  const names = commands.map(({ name }) => name);
  const help: CommandEntry = {
    name: 'help',
    doc: 'Print the help of a command',
    arguments: [{ usage: '[command]', doc: '', completes: names }],
  };
  const placesOf = (entry: CommandEntry, path: readonly string[]): readonly Place[] => {
    const place = toPlace(entry, path);
    return [place, ...place.subcommands.flatMap((each) => placesOf(each, [...path, each.name]))];
  };
  return placesOf({ name: 'mxcp', doc: '', subcommands: [...commands, help] }, []);
}

/** `path` has the words that lead here, e.g. `admin reload`; it is empty for `mxcp` itself. */
function toPlace(entry: CommandEntry, path: readonly string[]) {
  const specs = [...(entry.options ?? []), HELP, ...(path.length === 0 ? [VERSION] : [])];
  return {
    path,
    subcommands: entry.subcommands ?? [],
    options: specs.map(({ flags, doc, completes, repeatable = false }) => ({
      names: flags.split(/,? +/).filter((part) => part.startsWith('-')),
      /** The name of its value; undefined for a flag. */
      value: /<(.+)>/.exec(flags)?.[1],
      completes,
      doc,
      repeatable,
    })),
    /** By position. */
    arguments: (entry.arguments ?? []).map(({ usage, choices, completes }) => ({
      usage: usage.replaceAll(/[<>[\]]/g, ''),
      completes: choices ?? completes,
    })),
  };
}

/** How a shell is asked to offer something. */
interface Offer {
  readonly nothing: string;
  readonly file: string;
  readonly folder: string;
  readonly words: (words: string) => string;
}

function offer(completes: Completion | undefined, { nothing, file, folder, words }: Offer): string {
  if (completes === undefined) return nothing;
  if (completes === 'file') return file;
  return completes === 'folder' ? folder : words(completes.join(' '));
}

function toBashScript(places: readonly Place[]): string {
  const steps = places
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => `      '${path.slice(0, -1).join(' ')}|${path.at(-1)}') at='${path.join(' ')}'; position=0 ;;`);
  const valued = places.flatMap(({ path, options }) =>
    options.flatMap(({ names, value, completes }) =>
      value === undefined ? [] : [{ pattern: names.map((name) => `'${path.join(' ')}|${name}'`).join('|'), completes }],
    ),
  );
  // The word after an option with a value is that value, not an argument.
  const skips = valued.map(({ pattern }) => `      ${pattern}) skip=1 ;;`);
  const values = valued.map(({ pattern, completes }) => `    ${pattern}) ${offer(completes, BASH)}return ;;`);
  return `# Completion of mxcp for bash. Load it with: source <(mxcp completion bash)
_mxcp() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" at="" position=0 i skip=0
  ((COMP_CWORD > 0)) && prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if ((skip)); then skip=0; continue; fi
    case "$at|\${COMP_WORDS[i]}" in
${[...steps, ...skips].join('\n')}
      *'|-'*) ;;
      *) position=$((position + 1)) ;;
    esac
  done
  case "$at|$prev" in
${values.join('\n')}
  esac
  case "$at" in
${places.map(toBashPlace).join('\n')}
  esac
}
complete -F _mxcp mxcp
`;
}

const BASH: Offer = {
  nothing: '',
  file: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); ',
  folder: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")); ',
  words: (words) => `COMPREPLY=($(compgen -W '${words}' -- "$cur")); `,
};

function toBashPlace({ path, subcommands, options, arguments: all }: Place): string {
  const names = options.flatMap((option) => option.names).join(' ');
  const positions = all.map(({ completes }, index) => `${index}) ${offer(completes, BASH)};;`).join(' ');
  const rest =
    subcommands.length > 0
      ? BASH.words(subcommands.map(({ name }) => name).join(' '))
      : positions && `case "$position" in ${positions} esac; `;
  return `    '${path.join(' ')}')
      if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W '${names}' -- "$cur")); return; fi
      ${rest}return ;;`;
}

function toFishScript(places: readonly Place[]): string {
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
${places.flatMap(toFishLines).join('\n')}
`;
}

const FISH: Offer = {
  nothing: '',
  file: '-F',
  folder: "-a '(__fish_complete_directories)'",
  words: (words) => `-a ${quoteForFish(words)}`,
};

function toFishLines({ path, subcommands, options, arguments: all }: Place): string[] {
  const exactly = ['__mxcp_at', '--exactly', ...path].join(' ');
  const below = path.length === 0 ? exactly : ['__mxcp_at', ...path].join(' ');
  const line = (condition: string, offered: string): string =>
    `complete -c mxcp -n ${quoteForFish(condition)} ${offered}`;
  return [
    ...subcommands.map(({ name, doc }) => line(exactly, `-a ${quoteForFish(name)} -d ${quoteForFish(doc)}`)),
    ...all.flatMap(({ completes }) => (completes === undefined ? [] : [line(below, offer(completes, FISH))])),
    ...options.map((option) => line(below, toFishOption(option))),
  ];
}

function toFishOption({ names, doc, value, completes }: Place['options'][number]): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  // `-x` requires a value and keeps fish from offering files as well.
  const required = value === undefined ? '' : completes === 'file' ? '-r' : '-x';
  const parts = [...flags, required, offer(completes, FISH), '-d', quoteForFish(doc)];
  return parts.filter((part) => part !== '').join(' ');
}

function quoteForFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}

function toZshScript(places: readonly Place[]): string {
  return `#compdef mxcp
# Completion of mxcp for zsh.
${places.map(toZshFunction).join('\n\n')}

if [[ "$funcstack[1]" == _mxcp ]]; then _mxcp "$@"; else compdef _mxcp mxcp; fi
`;
}

function toZshFunction({ path, subcommands, options, arguments: all }: Place): string {
  const name = ['_mxcp', ...path].join('_');
  const positions =
    subcommands.length > 0
      ? ['1:command:->command', '*::argument:->rest']
      : all.map(({ usage, completes }, index) => `${index + 1}:${escapeForZsh(usage)}:${offer(completes, ZSH)}`);
  const specs = [...options.flatMap(toZshOption), ...positions].map(quoteForZsh);
  const call = `_arguments -s -S -C ${specs.join(' \\\n    ')}`;
  if (subcommands.length === 0) return `${name}() {\n  ${call}\n}`;
  const described = subcommands.map((each) => quoteForZsh(`${each.name}:${each.doc.replaceAll(':', '\\:')}`));
  return `${name}() {
  local state line
  local -a commands=(
    ${described.join('\n    ')}
  )
  ${call}
  case "$state" in
    command) _describe command commands ;;
    rest) case "$line[1]" in
${subcommands.map((each) => `      ${each.name}) ${name}_${each.name} ;;`).join('\n')}
    esac ;;
  esac
}`;
}

const ZSH: Offer = { nothing: ' ', file: '_files', folder: '_files -/', words: (words) => `(${words})` };

function toZshOption({ names, doc, value, completes, repeatable }: Place['options'][number]): string[] {
  const taken = value === undefined ? '' : `:${escapeForZsh(value)}:${offer(completes, ZSH)}`;
  const excluded = repeatable ? '*' : `(${names.join(' ')})`;
  return names.map((name) => `${excluded}${name}[${escapeForZsh(doc)}]${taken}`);
}

function escapeForZsh(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, '\\$&');
}

function quoteForZsh(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
