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

/** Why a command line was not understood, and what was probably meant. */
export function explainMisuse(slip: Slip, argv: readonly string[]): string {
  const [, message = '', suggested] = /^([^]*?)\.?(?:\n\(Did you mean (.*)\?\))?$/.exec(slip.message) ?? [];
  const hint = explainSlip({ ...slip, message }, argv, suggested);
  return reword(message) + (hint === '' && suggested !== undefined ? `; did you mean \`${suggested}\`?` : hint);
}

/** The messages of commander 14 in the form that the other messages have. */
const REWORDED: readonly (readonly [commander: RegExp, reason: (...found: string[]) => string])[] = [
  [/^unknown option '(.*)'$/, (option) => `unknown option \`${option}\``],
  [/^unknown command '(.*)'$/, (command) => `unknown command "${command}"`],
  [/^missing required argument '(.*)'$/, (argument) => `\`<${argument}>\` is missing`],
  [/^option '(.*)' argument missing$/, (option) => `\`${option}\` needs a value`],
  [
    /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)$/,
    (command, expected, got) => `too many arguments for \`${command}\`: expected ${expected}, got ${got}`,
  ],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)$/,
    (value, argument, choices) =>
      `unknown ${argument} "${value}", expected ${choices?.replace(/, ([^,]*)$/, ' or $1')}`,
  ],
];

function reword(message: string): string {
  const plain = message.replace(/^error: /, '');
  for (const [commander, reason] of REWORDED) {
    const [, ...found] = commander.exec(plain) ?? [];
    if (found.length > 0) return reason(...found);
  }
  return plain;
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
