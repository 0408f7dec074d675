import { resolve } from 'node:path';
import { loadEndpointFolders, loadGroupRules, loadProfileNames } from '../../config/index.js';
import { countListTokens } from '../../compatibility/index.js';
import {
  type EndpointCatalog,
  type EndpointDefinition,
  EndpointSet,
  findMembers,
  isMember,
  loadEndpoints,
} from '../../endpoints/index.js';
import { formatProblem, plural, visible, visibleLines } from '../../errors/index.js';
import type { ServerSettings } from '../../settings/index.js';
import type { CommandModule, Options } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';
import { printTable } from '../terminal/tables.js';

const DISABLED = 'disabled';

/** Opens no database and resolves no reference, so it also works beside a running server. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const settings = loadProjectSettings(options, context);
  const profiles = await loadProfileNames(settings);
  if (options['profiles'] === true) {
    if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result: { status: 'ok', profiles } });
    else for (const profile of profiles) context.output.print(visible(profile));
    return 0;
  }
  const folders = await loadEndpointFolders(settings);
  const catalog = await loadEndpoints(folders);
  if (options['tokens'] === true) {
    const { listings } = new EndpointSet(catalog, folders.sqlTools);
    printTokens(countListTokens(listings), catalog.failures.length, { options, output: context.output });
    return 0;
  }
  await printEndpoints(catalog, settings, { options, output: context.output });
  return 0;
};

async function printEndpoints(
  { endpoints, failures, disabled }: EndpointCatalog,
  settings: ServerSettings,
  { options, output }: Printing,
): Promise<void> {
  const groupsOf = await findGroups(settings, endpoints);
  const listed = [
    ...endpoints.map((each) => ({
      path: each.path,
      kind: each.kind,
      name: each.name,
      uri: each.kind === 'resource' ? each.uri : null,
      tags: each.tags ?? [],
      groups: groupsOf(each),
      error: null,
    })),
    ...failures.map(({ path, kind, name, problems }) => {
      return { path, kind, name, ...NOTHING_SHOWN, error: problems.map(formatProblem).join('; ') };
    }),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (options['jsonOutput'] === true) {
    const absolute = (path: string): string => resolve(settings.projectRoot, path);
    const result = {
      status: 'ok',
      endpoints: listed.map((each) => ({ ...each, path: absolute(each.path) })),
      disabled: disabled.map(({ path, kind, name }) => ({ path: absolute(path), kind, name })),
    };
    return output.json({ status: 'ok', result });
  }
  const rows = [...listed, ...disabled.map((each) => ({ ...each, ...NOTHING_SHOWN, error: DISABLED }))].map(toRow);
  const problems = failures.flatMap((each) => each.problems.map(formatProblem));
  printRows(output, rows, problems);
}

interface Printing {
  readonly options: Options;
  readonly output: Output;
}

/** Endpoints whose files have errors are not listed by a server, so they cost nothing. */
function printTokens(
  entries: ReturnType<typeof countListTokens>,
  failures: number,
  { options, output }: Printing,
): void {
  const tokens = entries.reduce((sum, entry) => sum + entry.tokens, 0);
  if (options['jsonOutput'] === true)
    return output.json({ status: 'ok', result: { status: 'ok', tokens, endpoints: entries } });
  const rows = entries.map(({ kind, name, ...counts }) => [
    ...[counts.tokens, counts.description, counts.input, counts.output].map(String),
    kind,
    name,
  ]);
  printTable(output, ['TOKENS', 'TEXTS', 'INPUT', 'OUTPUT', 'KIND', 'NAME'], rows);
  const left = failures === 0 ? '' : `; ${plural(failures, 'endpoint file')} with errors`;
  output.print(`about ${tokens} tokens for ${plural(entries.length, 'endpoint')}${left}`);
}

const NOTHING_SHOWN = { uri: null, tags: [], groups: [] };

/** The names of the groups that an endpoint is in. */
async function findGroups(
  settings: ServerSettings,
  endpoints: EndpointCatalog['endpoints'],
): Promise<(endpoint: EndpointDefinition) => readonly string[]> {
  const rules = [...(await loadGroupRules(settings)).values()];
  const groups = rules.map((rule) => ({ name: rule.name, members: findMembers(rule, endpoints, false) }));
  return (endpoint) => groups.filter(({ members }) => isMember(members, endpoint)).map(({ name }) => name);
}

const COLUMNS = ['KIND', 'NAME', 'PATH', 'ERROR', 'URI', 'TAGS', 'GROUPS'];
const ERROR = COLUMNS.indexOf('ERROR');

type Row = readonly (string | null)[];

interface Listed {
  readonly kind: string | null;
  readonly name: string | null;
  readonly path: string;
  readonly error: string | null;
  readonly uri: string | null;
  readonly tags: readonly string[];
  readonly groups: readonly string[];
}

function toRow({ kind, name, path, error, uri, tags, groups }: Listed): Row {
  return [kind, name, path, error ?? '', uri ?? '', tags.join(', '), groups.join(', ')];
}

/**
 * Columns that no endpoint fills are left out; in a pipe only the last three, because scripts may take the others by number. On a
 * terminal, the errors follow the table, where they do not make its columns narrow.
 */
function printRows(output: Output, rows: readonly Row[], problems: readonly string[]): void {
  const shorten = (error: string | null): string | null => (error === '' || error === DISABLED ? error : 'see below');
  const shown = output.isTerminal
    ? rows.map((row) => row.map((cell, column) => (column === ERROR ? shorten(cell) : cell)))
    : rows;
  const used = COLUMNS.map(
    (_, column) => (!output.isTerminal && column <= ERROR) || shown.some((row) => row[column] !== ''),
  );
  printTable(
    output,
    COLUMNS.filter((_, column) => used[column]),
    shown.map((row) => row.filter((_, column) => used[column])),
  );
  if (output.isTerminal) for (const problem of problems) output.print(visibleLines(problem));
}
