import type { CommandEntry, CommandModule, Completion, OptionSpec } from '../command/command.js';

export const run: CommandModule['run'] = ([shell = ''], _options, { output, program }) => {
  output.write(SCRIPTS[shell]?.(findPlaces(program)) ?? '');
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
function findPlaces({ subcommands: commands = [], ...program }: CommandEntry): readonly Place[] {
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
  return placesOf({ ...program, subcommands: [...commands, help] }, []);
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
interface Offer extends Readonly<Record<Extract<Completion, string>, string>> {
  readonly nothing: string;
  readonly words: (words: string) => string;
}

function offer(completes: Completion | undefined, { words, ...others }: Offer): string {
  return typeof completes === 'object' ? words(completes.join(' ')) : others[completes ?? 'nothing'];
}

/** Prints the names of the endpoints of one kind: the first of the columns that `mxcp list` prints to a pipe is the kind. */
const namesOfKind = (kind: string): string => String.raw`awk -F'\t' -v kind="${kind}" '$1 == kind { print $2 }'`;

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
${BASH_FUNCTIONS}
_mxcp() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" at="" position=0 i skip=0 kind="" project=()
  ((COMP_CWORD > 0)) && prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if ((skip)); then skip=0; continue; fi
    case "\${COMP_WORDS[i]}" in -C|--project-dir) project=(-C "\${COMP_WORDS[i + 1]}") ;; esac
    case "$at|\${COMP_WORDS[i]}" in
${[...steps, ...skips].join('\n')}
      *'|-'*) ;;
      *) position=$((position + 1)); kind="\${COMP_WORDS[i]}" ;;
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

const BASH_FUNCTIONS = `# Offers the lines of a command that begin with the current word. A colon separates words for bash, so only what follows is offered.
_mxcp_offer() {
  local IFS=$'\\n' colon="\${cur%"\${cur##*:}"}" names
  names=($("$@" 2>/dev/null))
  COMPREPLY=($(compgen -W "\${names[*]}" -- "$cur"))
  if [[ "$COMP_WORDBREAKS" == *:* ]]; then COMPREPLY=("\${COMPREPLY[@]#"$colon"}"); fi
}
_mxcp_endpoints() { mxcp "\${project[@]}" list | ${namesOfKind('$kind')}; }`;

const BASH: Offer = {
  nothing: '',
  file: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); ',
  folder: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")); ',
  profile: '_mxcp_offer mxcp "${project[@]}" list --profiles; ',
  endpoint: '_mxcp_offer _mxcp_endpoints; ',
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
${fishFunctions(places)}
complete -c mxcp -f
${places.flatMap(toFishLines).join('\n')}
`;
}

function fishFunctions(places: readonly Place[]): string {
  const options = places.flatMap((place) => place.options);
  const valued = new Set(options.flatMap(({ names, value }) => (value === undefined ? [] : names)));
  return `# The commands and arguments so far, without options and their values.
function __mxcp_words
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${[...valued].join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            echo -- $word
        end
    end
end
# True when these words are the first ones so far, and as many others follow as the number says; -1 is any number.
function __mxcp_at
    set -l words (__mxcp_words)
    set -l path $argv[2..]
    set -l count (count $path)
    test $argv[1] = -1; or test (count $words) = (math $count + $argv[1]); or return 1
    test $count = 0; and return 0
    test (count $words) -ge $count; or return 1
    test "$words[1..$count]" = "$path"
end
# Runs mxcp in the project of the command line.
function __mxcp_here
    set -l words (commandline -opc)
    set -l place (contains -i -- -C $words; or contains -i -- --project-dir $words)
    set -q place[1]; and set -p argv -C $words[(math $place + 1)]
    mxcp $argv 2>/dev/null
end
function __mxcp_endpoints
    set -l words (__mxcp_words)
    __mxcp_here list | ${namesOfKind('$words[2]')}
end`;
}

const FISH: Offer = {
  nothing: '',
  file: '-F',
  folder: "-a '(__fish_complete_directories)'",
  profile: "-a '(__mxcp_here list --profiles)'",
  endpoint: "-a '(__mxcp_endpoints)'",
  words: (words) => `-a ${quoteForFish(words)}`,
};

function toFishLines({ path, subcommands, options, arguments: all }: Place): string[] {
  const at = (more: number): string => ['__mxcp_at', more, ...path].join(' ');
  const line = (condition: string, offered: string): string =>
    `complete -c mxcp -n ${quoteForFish(condition)} ${offered}`;
  return [
    ...subcommands.map(({ name, doc }) => line(at(0), `-a ${quoteForFish(name)} -d ${quoteForFish(doc)}`)),
    ...all.flatMap(({ completes }, index) =>
      completes === undefined ? [] : [line(at(index), offer(completes, FISH))],
    ),
    ...options.map((option) => line(at(path.length === 0 ? 0 : -1), toFishOption(option))),
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
# Runs mxcp in the project of the command line.
_mxcp_here() {
  local -a all=(\${(z)BUFFER}) project
  local i=\${all[(i)(-C|--project-dir)]}
  (( i < $#all )) && project=(-C \${(Q)~all[i+1]})
  mxcp $project "$@" 2>/dev/null
}
_mxcp_profiles() {
  local -a names=(\${(f)"$(_mxcp_here list --profiles)"})
  compadd "$@" -a names
}
_mxcp_endpoints() {
  local kind=\${words[(r)(tool|resource|prompt)]}
  local -a names=(\${(f)"$(_mxcp_here list | ${namesOfKind('$kind')})"})
  compadd "$@" -a names
}
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

const ZSH: Offer = {
  nothing: ' ',
  file: '_files',
  folder: '_files -/',
  profile: '_mxcp_profiles',
  endpoint: '_mxcp_endpoints',
  words: (words) => `(${words})`,
};

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
