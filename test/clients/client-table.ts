/** What a client may do with a server, in the order of the table. The drivers report them by the same names. */
export const ABILITIES = {
  lists: 'lists',
  calls: 'calls',
  failures: 'errors of tools',
  large: 'answer of 1 MB',
  reads: 'resources',
  gets: 'prompts',
  progress: 'progress',
  logs: 'log messages',
  asks: 'questions',
  changes: 'changed lists',
  reloads: 'across a reload',
} as const;

export type Ability = keyof typeof ABILITIES;

/** One run of one client. An ability that is absent was not tried, because the client has nothing for it. */
export interface ClientRun {
  readonly client: string;
  readonly protocol: string;
  readonly abilities: Partial<Record<Ability, boolean>>;
}

const NAMES = Object.keys(ABILITIES) as Ability[]; // The keys of a literal.

/** The table of the reference page. */
export function tableOf(runs: readonly ClientRun[]): readonly string[] {
  return [
    rowOf(['client', 'protocol', ...Object.values(ABILITIES)]),
    rowOf(['---', '---', ...NAMES.map(() => '---')]),
    ...runs.map(({ client, protocol, abilities }) =>
      rowOf([client, protocol, ...NAMES.map((name) => cell(abilities[name]))]),
    ),
  ];
}

function cell(works: boolean | undefined): string {
  if (works === undefined) return '–';
  return works ? 'yes' : 'no';
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
