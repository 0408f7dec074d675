import { nearestName } from '../errors/index.js';

const KINDS: readonly string[] = ['tool', 'resource', 'prompt'];

/** `mxcp admin` and the other commands have a different name for it. */
const JSON_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['--json', '--json-output'],
  ['--json-output', '--json'],
]);

/** What was misunderstood, as commander reports it. */
interface Slip {
  /** E.g. `commander.unknownOption`. */
  readonly code: string;
  readonly message: string;
}

/** What to print for a command line that was not understood: the reason, and what was probably meant. */
export function explainMisuse(slip: Slip, argv: readonly string[]): string {
  const [, message = '', suggested] = /^([^]*?)\.?(?:\n\(Did you mean (.*)\?\))?$/.exec(slip.message) ?? [];
  const hint = explainSlip({ ...slip, message }, argv, suggested);
  return `${message}${hint === '' && suggested !== undefined ? `\n(Did you mean ${suggested}?)` : hint}`;
}

/** What was probably meant, to be added to the message; empty when nothing is likely. */
function explainSlip({ code, message }: Slip, argv: readonly string[], suggested: string | undefined): string {
  const command = argv.find((word) => !word.startsWith('-'));
  const takesParameters = command === 'run' || command === 'query';
  const [, word = ''] = /'([^']*)'/.exec(message) ?? [];
  if (code === 'commander.unknownOption' && JSON_OPTIONS.has(word))
    return `; did you mean \`${JSON_OPTIONS.get(word)}\`?`;
  // Commander suggests `--version` for `--region`.
  const isMisspelt = suggested !== undefined && nearestName(word, [suggested]) !== undefined;
  if (code === 'commander.unknownOption' && takesParameters && !isMisspelt)
    return `; a parameter is given as \`${toParameter(word, argv)}\``;
  if (code === 'commander.excessArguments' && takesParameters) return explainExtra(argv);
  if (command !== 'run' && command !== 'test') return '';
  if (code === 'commander.invalidArgument') return explainKind(command, word);
  if (code !== 'commander.missingArgument' || command === 'test') return '';
  const first = argv.slice(argv.indexOf(command) + 1).find((each) => !each.startsWith('-'));
  if (first === undefined) return '; for example `mxcp run tool hello`';
  if (KINDS.includes(first)) return '; `mxcp list` shows the names';
  return explainKind(command, first);
}

/** `--order_id 3` and `--order_id=3` are meant as parameters. */
function toParameter(option: string, argv: readonly string[]): string {
  const [name = '', value] = option.replace(/^-+/, '').split('=', 2);
  const next = argv[argv.indexOf(option) + 1];
  return `-p ${name}=${value ?? (next === undefined || next.startsWith('-') ? '…' : next)}`;
}

function explainExtra(argv: readonly string[]): string {
  const assigned = argv.find(
    (word, index) => /^[A-Za-z_]\w*=/.test(word) && !/^(?:-p|--param)$/.test(argv[index - 1] ?? ''),
  );
  return `; a parameter is given as \`-p ${assigned ?? 'name=value'}\``;
}

/** For a word where the kind of endpoint belongs: a kind that is spelled differently, or the name of an endpoint. */
function explainKind(command: string, word: string): string {
  const kind = nearestName(word, KINDS);
  if (kind !== undefined) return `; did you mean \`${kind}\`?`;
  if (word.includes('://')) return `; the kind comes first: \`mxcp ${command} resource ${word}\``;
  return `; the kind of endpoint comes first: \`mxcp ${command} tool ${word}\`, or \`resource\` or \`prompt\``;
}
