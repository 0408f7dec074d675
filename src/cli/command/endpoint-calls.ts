import { type Caller, toCaller, toUserContext } from '../../caller/index.js';
import type { ResolvedConfig } from '../../config/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  type EndpointFailure,
  type EndpointKind,
  EndpointSet,
  findPythonTargets,
  findResourcePatterns,
  loadEndpoints,
  runEndpoint,
  withFailures,
} from '../../endpoints/index.js';
import { openProject } from '../../project/index.js';
import type { CallNotification } from '../../python/index.js';
import type { Output } from '../terminal/output.js';
import { visibleLines } from '../../errors/index.js';
import type { CommandContext, Options } from './command.js';
import { readJsonObject } from './json-arguments.js';
import { orRunningServer, RunningServer } from './running-server.js';
import { createCommandLogger, loadProjectConfig, loadProjectSettings } from './project-loading.js';

export interface EndpointCall {
  readonly kind: EndpointKind;
  /** A tool's or prompt's name; a resource's URI, template or name. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
}

/** Endpoints that a command calls. Their owner disposes them. */
export interface OpenEndpoints {
  /** Those that can be called. */
  readonly catalog: EndpointCatalog;
  /** Those that were asked for and cannot be called. */
  readonly failures: readonly EndpointFailure[];
  /** The problems of files that a running server has refused, by path. */
  readonly refused: ReadonlyMap<string, string>;
  /** Calls on the same path as a server would, and resolves with the result as JSON. Throws what a call throws. */
  call(call: EndpointCall): Promise<unknown>;
  dispose(): Promise<void>;
}

export type ChooseEndpoints = (catalog: EndpointCatalog, config: ResolvedConfig) => EndpointCatalog;

/** Opens the project and what `choose` takes of its endpoints. Throws the errors of loading and opening a project. */
export async function openEndpoints(
  options: Options,
  context: CommandContext,
  choose: ChooseEndpoints,
): Promise<OpenEndpoints> {
  const settings = loadProjectSettings(options, context);
  const config = await loadProjectConfig(settings, context);
  const catalog = await loadEndpoints(config);
  const chosen = choose(catalog, config);
  const targets = findPythonTargets(chosen);
  const opening = openProject(config, {
    // Endpoints without Python code start no worker, whatever other code the project has.
    targets: targets.length === 0 ? undefined : targets,
    resources: findResourcePatterns(catalog),
    hooks: true,
    logger: createCommandLogger(context.output, settings),
    endpointsOn: async (contents) =>
      new EndpointSet(withFailures(chosen, await checkEndpoints(chosen, contents)), config.sqlTools),
  });
  const project = await orRunningServer(opening, config.duckdb.path, context.output);
  const skipOutputValidation = options['skipOutputValidation'] === true;
  const withData = options['withData'] === true;
  if (project instanceof RunningServer) return callRemotely(project, chosen, { skipOutputValidation, withData });
  const notify = (notification: CallNotification): void => printNotification(context.output, notification);
  const { catalog: callable } = project.contents.endpoints;
  return {
    catalog: callable,
    failures: callable.failures,
    refused: new Map(),
    call: async ({ caller, ...call }) => {
      const { signal } = new AbortController();
      const callContext = { caller, signal, notify, isOwner: true, skipOutputValidation };
      return runEndpoint(project.contents, { ...call, withData, context: callContext }, settings);
    },
    dispose: () => project.dispose(),
  };
}

/** The endpoints of a server. They are the ones that it serves, which may differ from those on disk. */
async function callRemotely(
  server: RunningServer,
  chosen: EndpointCatalog,
  { skipOutputValidation, withData }: Readonly<Record<'skipOutputValidation' | 'withData', boolean>>,
): Promise<OpenEndpoints> {
  return {
    catalog: chosen,
    failures: chosen.failures,
    refused: await server.findRefused(),
    call: ({ kind, name, parameters, caller }) =>
      server.run({
        type: kind,
        name,
        parameters,
        user_context: toUserContext(caller),
        ...(caller.requestHeaders && { request_headers: caller.requestHeaders }),
        skip_output_validation: skipOutputValidation,
        // A server of an earlier version does not know it.
        ...(withData && { with_data: true }),
      }),
    dispose: () => Promise.resolve(),
  };
}

/** Prints what a client would receive while the call runs. */
function printNotification(output: Output, notification: CallNotification): void {
  if (notification.kind === 'log') return output.warn(`${notification.level}: ${visibleLines(notification.message)}`);
  const { progress, total, message } = notification;
  const goal = total === undefined ? '' : ` of ${total}`;
  output.warn(`progress: ${progress}${goal}${message === undefined ? '' : ` ${visibleLines(message)}`}`);
}

/** The caller that `--user-context` and `--request-headers` describe; undefined without the first. Throws `usage`. */
export function readCaller(
  options: Options,
  { cwd }: CommandContext,
): { readonly user: Caller | undefined; readonly headers: Pick<Caller, 'requestHeaders'> } {
  const user = readJsonObject('--user-context', options['userContext'], cwd);
  const given = readJsonObject('--request-headers', options['requestHeaders'], cwd);
  const requestHeaders = Object.fromEntries(
    Object.entries(given ?? {}).map(([header, value]) => [header.toLowerCase(), String(value)]),
  );
  return { user: user && toCaller(user), headers: given === undefined ? {} : { requestHeaders } };
}
