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
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { readJsonObject, readParameters } from '../command/json-arguments.js';
import { createCommandLogger, loadProjectConfig, loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/progress.js';

const KINDS: readonly EndpointKind[] = ['tool', 'resource', 'prompt'];

export const run: CommandModule['run'] = async ([type, name = ''], options, context) => {
  const kind = KINDS.find((each) => each === type);
  if (kind === undefined)
    throw new MxcpError('usage', `unknown endpoint kind "${type}"; expected tool, resource or prompt`);
  const work = callEndpoint({ kind, name }, options, context);
  const result = await withProgress(context.output, `running ${kind} ${name}`, work);
  if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result: toJson(result) });
  else context.output.print(toText(result));
  return 0;
};

async function callEndpoint(
  { kind, name }: { readonly kind: EndpointKind; readonly name: string },
  options: Options,
  context: CommandContext,
): Promise<EndpointRunResult> {
  const settings = loadProjectSettings(options, context);
  const parameters = readParameters(options['param'], context.cwd);
  const caller = readCaller(options, context);
  const config = await loadProjectConfig(settings, context);
  const choice = { kind, name, hasSqlTools: config.sqlTools.enabled };
  const catalog = selectEndpoint(await loadEndpoints(config), choice);
  if (catalog.failures.length > 0) throw endpointReport(catalog.failures);
  const targets = findPythonTargets(catalog);
  const project = await openProject(config, {
    // An endpoint without Python code starts no worker, whatever other code the project has.
    targets: targets.length === 0 ? undefined : targets,
    hooks: true,
    logger: createCommandLogger(context.output, settings),
    endpointsOn: async (contents) => {
      const failures = await checkEndpoints(catalog, contents);
      if (failures.length > 0) throw endpointReport(failures);
      return new EndpointSet(catalog, config.sqlTools);
    },
  });
  const notify = (notification: CallNotification): void => printNotification(context.output, notification);
  try {
    return await runEndpoint(project.contents, {
      kind,
      name,
      parameters,
      context: { caller, signal: new AbortController().signal, notify },
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

/** Prints what a client would receive while the call runs. */
function printNotification(output: Output, notification: CallNotification): void {
  if (notification.kind === 'log') return output.warn(`${notification.level}: ${notification.message}`);
  const { progress, total, message } = notification;
  const goal = total === undefined ? '' : ` of ${total}`;
  output.warn(`progress: ${progress}${goal}${message === undefined ? '' : ` ${message}`}`);
}

function readCaller(options: Options, { cwd }: CommandContext): CallerIdentity {
  const user = readJsonObject('--user-context', options['userContext'], cwd);
  const headers = readJsonObject('--request-headers', options['requestHeaders'], cwd);
  const text = (key: string): string | null => (typeof user[key] === 'string' ? user[key] : null);
  const requestHeaders = Object.fromEntries(
    Object.entries(headers).map(([header, value]) => [header.toLowerCase(), String(value)]),
  );
  return {
    ...ANONYMOUS,
    username: text('username'),
    email: text('email'),
    provider: text('provider'),
    externalToken: text('external_token'),
    ...(options['requestHeaders'] !== undefined && { requestHeaders }),
  };
}

function toJson(result: EndpointRunResult): unknown {
  switch (result.kind) {
    case 'tool': {
      if (result.result.shape !== 'array') return result.result.value;
      const { items, texts } = result.result;
      return items ?? Array.from(texts, (text): JsonValue => JSON.parse(text));
    }
    case 'resource':
      return parseText([...result.resource.texts].join(''), result.resource.mimeType);
    case 'prompt':
      return result.messages;
  }
}

function parseText(text: string, mimeType: string): unknown {
  if (mimeType !== 'application/json') return text;
  try {
    return JSON.parse(text);
  } catch {
    // The resource declares JSON but its text is not: printed as it is.
    return text;
  }
}

function toText(result: EndpointRunResult): string {
  if (result.kind === 'prompt') return result.messages.map(({ role, text }) => `${role}: ${text}`).join('\n');
  const value = toJson(result);
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
