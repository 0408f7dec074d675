import { resolve } from 'node:path';
import { loadEndpointFolders, loadProfileNames } from '../../config/index.js';
import { loadEndpoints } from '../../endpoints/index.js';
import { formatProblem, visible } from '../../errors/index.js';
import type { CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';
import { printTable } from '../terminal/tables.js';

/** Opens no database and resolves no reference, so it also works beside a running server. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const settings = loadProjectSettings(options, context);
  const profiles = await loadProfileNames(settings);
  if (options['profiles'] === true) {
    if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result: { status: 'ok', profiles } });
    else for (const profile of profiles) context.output.print(visible(profile));
    return 0;
  }
  const { endpoints, failures, disabled } = await loadEndpoints(await loadEndpointFolders(settings));
  const listed = [
    ...endpoints.map((each) => ({
      path: each.path,
      kind: each.kind,
      name: each.name,
      uri: each.kind === 'resource' ? each.uri : null,
      tags: each.tags ?? [],
      error: null,
    })),
    ...failures.map(({ path, kind, name, problems }) => {
      return { path, kind, name, uri: null, tags: [], error: problems.map(formatProblem).join('; ') };
    }),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (options['jsonOutput'] === true) {
    const absolute = (path: string): string => resolve(settings.projectRoot, path);
    const result = {
      status: 'ok',
      endpoints: listed.map((each) => ({ ...each, path: absolute(each.path) })),
      disabled: disabled.map(({ path, kind, name }) => ({ path: absolute(path), kind, name })),
    };
    context.output.json({ status: 'ok', result });
    return 0;
  }
  const all = [...listed, ...disabled.map((each) => ({ ...each, uri: null, tags: [], error: 'disabled' }))];
  const rows = all.map(({ kind, name, path, error, uri, tags }) => {
    return [kind, name, path, error ?? '', uri ?? '', tags.join(', ')];
  });
  printRows(context.output, rows);
  return 0;
};

const COLUMNS = ['KIND', 'NAME', 'PATH', 'ERROR', 'URI', 'TAGS'];

/** The last two columns are left out where no endpoint has them. They are last because scripts may take the others by number. */
function printRows(output: Output, rows: readonly (readonly (string | null)[])[]): void {
  const used = COLUMNS.map((_, index) => index < 4 || rows.some((row) => row[index] !== ''));
  const shown = rows.map((row) => row.filter((_, index) => used[index]));
  printTable(
    output,
    COLUMNS.filter((_, index) => used[index]),
    shown,
  );
}
