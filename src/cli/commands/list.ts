import { resolve } from 'node:path';
import { checkNamedProfile, loadEndpointFolders } from '../../config/index.js';
import { type EndpointKind, loadEndpoints } from '../../endpoints/index.js';
import { formatProblem } from '../../errors/index.js';
import type { CommandModule } from '../kit/command.js';
import { printTable } from '../kit/output.js';
import { loadProjectSettings } from '../kit/project-loading.js';

interface Listed {
  readonly path: string;
  readonly kind: EndpointKind | null;
  readonly name: string | null;
  readonly error: string | null;
}

/** Lists what stands on disk. It opens no database and resolves no reference, so it also works beside a running server. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const settings = loadProjectSettings(options, context);
  await checkNamedProfile(settings);
  const catalog = await loadEndpoints(await loadEndpointFolders(settings));
  const served = catalog.endpoints.map(({ path, kind, name }): Listed => ({ path, kind, name, error: null }));
  const failed = catalog.failures.map(
    ({ path, kind, name, problems }): Listed => ({
      path,
      kind,
      name,
      error: problems.map(formatProblem).join('; '),
    }),
  );
  const listed = [...served, ...failed].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (options['jsonOutput'] === true) {
    const absolute = (path: string): string => resolve(settings.projectRoot, path);
    context.output.json({
      status: 'ok',
      endpoints: listed.map((each) => ({ ...each, path: absolute(each.path) })),
      disabled: catalog.disabled.map(({ path, kind, name }) => ({ path: absolute(path), kind, name })),
    });
    return 0;
  }
  const disabled = catalog.disabled.map(({ path, kind, name }) => ({ path, kind, name, error: 'disabled' }));
  printTable(
    context.output,
    ['KIND', 'NAME', 'PATH', 'ERROR'],
    [...listed, ...disabled].map(({ kind, name, path, error }) => [
      kind ?? '-',
      name ?? '-',
      path,
      error ?? '',
    ]),
  );
  return 0;
};
