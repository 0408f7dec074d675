import type { CommandEntry, Completion } from '../command.js';
import { toCompletionNodes, type CompletionNode, type CompletionOption } from './completion-node.js';

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
  const described = node.subcommands.map(({ name, doc }) => quote(`${name}:${doc.replaceAll(':', '\\:')}`));
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
  const each = names.map((name) => quote(`${repeatable ? '*' : `(${names.join(' ')})`}${name}${text}`));
  return each.join(' ');
}

function toArgumentSpecs({ subcommands, arguments: all }: CompletionNode): string[] {
  if (subcommands.length > 0) return [quote('1:command:->command'), quote('*::argument:->rest')];
  return all.map(({ usage, completes }, index) =>
    quote(`${index + 1}:${escape(usage)}:${action(completes)}`),
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

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
