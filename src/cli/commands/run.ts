import { ANONYMOUS, type CallerIdentity, type JsonValue } from '../../duckdb/index.js';
import {
  checkEndpoints,
  type EndpointKind,
  type EndpointRunResult,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  runEndpoint,
  selectEndpoint,
} from '../../endpoints/index.js';
import { MxcpError } from '../../errors/index.js';
import { endpointReport, openProject } from '../../project/index.js';
import type { CallNotification } from '../../python/index.js';
import type { ServerSettings } from '../../settings/index.js';
import type { ShapedResult } from '../../values/index.js';
import type { CommandContext, CommandModule, Options } from '../kit/command.js';
import { type Output, withProgress } from '../kit/output.js';
import {
  createCommandLogger,
  loadProjectConfig,
  loadProjectSettings,
  readJsonObject,
  readParameters,
} from '../kit/project-loading.js';

const KINDS: readonly EndpointKind[] = ['tool', 'resource', 'prompt'];

export const run: CommandModule['run'] = async ([type, name = ''], options, context) => {
  const kind = KINDS.find((each) => each === type);
  if (kind === undefined)
    throw new MxcpError('usage', `endpoints are of the kinds ${KINDS.join(', ')}, not ${type}`);
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
  const choice = { kind, name, hasSqlTools: config.sqlTools.enabled };
  const catalog = selectEndpoint(await loadEndpoints(config), choice);
  if (catalog.failures.length > 0) throw endpointReport(catalog.failures);
  const targets = findPythonTargets(catalog);
  const project = await openProject(config, {
    // A project may have Python code that this endpoint has nothing to do with.
    targets: targets.length === 0 ? undefined : targets,
    hooks: true,
    logger: createCommandLogger(context.output, settings),
    endpointsOn: async (contents) => {
      const failures = await checkEndpoints(catalog, contents);
      if (failures.length > 0) throw endpointReport(failures);
      return new EndpointSet(catalog, config.sqlTools);
    },
  });
  try {
    return await runEndpoint(project.contents, {
      kind,
      name,
      parameters,
      context: { caller, signal: new AbortController().signal, notify: (each) => tell(context.output, each) },
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

/** What a client would be told meanwhile. */
function tell(output: Output, notification: CallNotification): void {
  if (notification.kind === 'log') {
    output.warn(`${notification.level}: ${notification.message}`);
    return;
  }
  const { progress, total, message } = notification;
  output.warn(
    `progress: ${progress}${total === undefined ? '' : ` of ${total}`}${message === undefined ? '' : ` ${message}`}`,
  );
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
      return toValue(result.result);
    case 'resource':
      return parseText([...result.resource.texts].join(''), result.resource.mimeType);
    case 'prompt':
      return result.messages;
  }
}

function toValue(result: ShapedResult): JsonValue {
  if (result.shape !== 'array') return result.value;
  return result.items ?? Array.from(result.texts, (text): JsonValue => JSON.parse(text));
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
