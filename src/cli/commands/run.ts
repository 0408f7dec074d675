import type { ServerSettings } from '../../config/settings/index.js';
import {
  checkEndpoints,
  EndpointSet,
  loadEndpoints,
  runEndpoint,
  type EndpointCatalog,
  type EndpointKind,
  type EndpointRunResult,
} from '../../endpoints/index.js';
import { ANONYMOUS, type CallerIdentity } from '../../runtime/index.js';
import { endpointReport, openProject } from '../../server/project/index.js';
import type { CommandContext, CommandModule, Options } from '../command.js';
import { readJsonObject, readParameters } from '../json-arguments.js';
import { withProgress } from '../progress.js';
import { loadProjectConfig, loadProjectSettings } from '../project-loading.js';

const KINDS: readonly EndpointKind[] = ['tool', 'resource', 'prompt'];

export const run: CommandModule['run'] = async ([type, name = ''], options, context) => {
  const kind = KINDS.find((each) => each === type) ?? 'tool';
  const settings = loadProjectSettings(options, context);
  const called: Called = {
    kind,
    name,
    parameters: readParameters(options['param'], context.cwd),
    caller: readCaller(options, context),
  };
  const work = callEndpoint(called, settings, { options, context });
  const result = await withProgress(context.output, `running ${kind} ${name}`, work);
  if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result: toJson(result) });
  else context.output.print(toText(result));
  return 0;
};

interface Called {
  readonly kind: EndpointKind;
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly caller: CallerIdentity;
}

interface Invocation {
  readonly options: Options;
  readonly context: CommandContext;
}

async function callEndpoint(
  { kind, name, parameters, caller }: Called,
  settings: ServerSettings,
  { options, context }: Invocation,
): Promise<EndpointRunResult> {
  const config = await loadProjectConfig(settings, context);
  const catalog = onlyEndpoint(await loadEndpoints(config), kind, name);
  const project = await openProject(config, async (database) => {
    const failures = await checkEndpoints(catalog, database);
    if (failures.length > 0) throw endpointReport(failures);
    return new EndpointSet(catalog, config.sqlTools);
  });
  try {
    return await runEndpoint(project.contents, {
      kind,
      name,
      parameters,
      context: { caller, signal: new AbortController().signal },
      limits: {
        callTimeoutMs: settings.callTimeoutMs,
        maxResultBytes: settings.maxResultBytes,
        skipOutputValidation: options['skipOutputValidation'] === true,
      },
    });
  } finally {
    await project.dispose();
  }
}

/** The other endpoints do not matter, right or wrong; what is wrong with this one does. */
function onlyEndpoint(catalog: EndpointCatalog, kind: EndpointKind, name: string): EndpointCatalog {
  const failures = catalog.failures.filter((failure) => failure.kind === kind && failure.name === name);
  if (failures.length > 0) throw endpointReport(failures);
  // A resource is also found by a URI that fits its template, so all of them stay.
  const endpoints = catalog.endpoints.filter(
    (endpoint) => endpoint.kind === kind && (kind === 'resource' || endpoint.name === name),
  );
  return { ...catalog, endpoints, failures: [] };
}

function readCaller(options: Options, { cwd }: CommandContext): CallerIdentity {
  const user = readJsonObject('--user-context', options['userContext'], cwd);
  const headers = readJsonObject('--request-headers', options['requestHeaders'], cwd);
  const text = (key: string): string | null => (typeof user[key] === 'string' ? user[key] : null);
  return {
    ...ANONYMOUS,
    username: text('username'),
    email: text('email'),
    provider: text('provider'),
    externalToken: text('external_token'),
    ...(options['requestHeaders'] === undefined
      ? {}
      : {
          requestHeaders: Object.fromEntries(
            Object.entries(headers).map(([header, value]) => [header.toLowerCase(), String(value)]),
          ),
        }),
  };
}

function toJson(result: EndpointRunResult): unknown {
  switch (result.kind) {
    case 'tool':
      return result.result.shape === 'array' ? result.result.items : result.result.value;
    case 'resource':
      return parseText(result.resource.texts.join(''), result.resource.mimeType);
    case 'prompt':
      return result.messages;
  }
}

function parseText(text: string, mimeType: string): unknown {
  if (mimeType !== 'application/json') return text;
  try {
    return JSON.parse(text);
  } catch {
    // A resource that calls its text JSON and is not: shown as it is.
    return text;
  }
}

function toText(result: EndpointRunResult): string {
  if (result.kind === 'prompt') return result.messages.map(({ role, text }) => `${role}: ${text}`).join('\n');
  const value = toJson(result);
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
