import type { CommandEntry, Completion } from '../command.js';
import { toCompletionNodes, type CompletionNode, type CompletionOption } from './completion-node.js';

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
      ({ name, doc }) => `complete -c mxcp -n ${quote(exactly)} -a ${quote(name)} -d ${quote(doc)}`,
    ),
    ...node.arguments.flatMap(({ completes }) =>
      completes === undefined ? [] : [`complete -c mxcp -n ${quote(within)} ${values(completes)}`],
    ),
    ...options.map((option) => `complete -c mxcp -n ${quote(within)} ${toOption(option)}`),
  ];
}

function toOption({ names, doc, value, completes }: CompletionOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  // `-x` takes a value and offers no files beside what is offered.
  const required = value === undefined ? [] : [completes === 'file' ? '-r' : '-x'];
  const offered = completes === undefined ? [] : [values(completes)];
  return [...flags, ...required, ...offered, '-d', quote(doc)].join(' ');
}

function values(completes: Completion): string {
  if (completes === 'file') return '-F';
  if (completes === 'folder') return "-a '(__fish_complete_directories)'";
  return `-a ${quote(completes.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
