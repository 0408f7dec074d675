import type { CommandEntry, Completion } from '../command.js';
import { toCompletionNodes, type CompletionNode } from './completion-node.js';

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
