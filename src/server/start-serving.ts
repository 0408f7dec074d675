import { setTimeout as delay } from 'node:timers/promises';
import { isReady } from '../admin/index.js';
import type { Authentication } from '../auth/index.js';
import type { ResolvedConfig } from '../config/index.js';
import {
  assertGroups,
  CallLog,
  CallRates,
  checkEndpoints,
  type EndpointCalls,
  EndpointSet,
  findPythonTargets,
  findResourcePatterns,
  groupNotFound,
  KeptResults,
  LiveEndpointCalls,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { formatProblem, messageOf, MxcpError, toOneLine } from '../errors/index.js';
import { ActiveGeneration, Backoff, CallGate, type Generation, raceSignal } from '../lifecycle/index.js';
import { type ClientTransport, type McpOptions, startHttpListener, startStdio } from '../mcp/index.js';
import {
  type CheckableContents,
  endpointReport,
  GenerationBuilder,
  loadConfig,
  lowerThreads,
  type GenerationContents,
} from '../project/index.js';
import { Renderers } from '../prompts/index.js';
import type { PythonReloadRequest } from '../python/index.js';
import { prepareFolder, QuestionStates } from '../questions/index.js';
import { ReloadCoordinator } from '../reload/index.js';
import { canHeal } from '../secrets/index.js';
import { version } from '../version/index.js';
import { configTagOf } from './config-tag.js';
import { ServerReloadSteps } from './server-reload-steps.js';
import { ReloadTriggers } from './reload-triggers.js';
import { callerOfStdio, startAuthentication } from './start-authentication.js';
import { openAudit, type ServerAudit } from './server-audit.js';
import type { ServerContext } from './server-context.js';

const SECRET_RETRIES = { firstMs: 500, longestMs: 10_000 } as const;

/**
 * Loads the configuration, and retries for `--wait-for-secrets` while references have no value but may get one later: a store
 * is down, a file is missing. Throws at once when a retry cannot help, and the last error when the time is over.
 */
export async function loadFirstConfig(context: ServerContext): Promise<ResolvedConfig> {
  const { settings, env, stores, phase, logger, stopped } = context;
  const deadline = performance.now() + settings.waitForSecretsMs;
  const backoff = new Backoff(SECRET_RETRIES);
  const logged = new Set<string>();
  phase.startActivity('resolving the configuration');
  for (;;) {
    try {
      return await loadConfig(settings, env, { signal: stopped, stores });
    } catch (error) {
      const leftMs = deadline - performance.now();
      if (!canHeal(error) || leftMs <= 0) throw error;
      const reason = toOneLine(messageOf(error));
      phase.startActivity(`waiting for secrets: ${reason}`);
      if (!logged.has(reason)) {
        const left = `${Math.ceil(leftMs / 1000)}s`;
        logger.warn({ component: 'secrets', tries_for: left, reason }, 'waiting for secrets');
      }
      logged.add(reason);
      // A stop cuts the delay short; the next line reports it.
      await delay(Math.min(backoff.next(), leftMs), undefined, { signal: stopped }).catch(() => {});
      if (stopped.aborted)
        throw new MxcpError('server_closing', 'the server was stopped while it waited for secrets', { cause: error });
    }
  }
}

/** What exists once the first generation serves calls. */
export interface Running {
  readonly active: ActiveGeneration<GenerationContents>;
  readonly calls: LiveEndpointCalls;
  readonly gate: CallGate;
  readonly callLog: CallLog;
  /** Undefined without an audit log. */
  readonly audit: ServerAudit | undefined;
  /** Undefined while everybody may call. */
  readonly authentication: Authentication | undefined;
  readonly coordinator: ReloadCoordinator<GenerationContents>;
  readonly transport: ClientTransport;
  readonly renderers: Renderers;
  readonly triggers: ReloadTriggers;
}

/**
 * Builds the first generation and lets clients in. The server closes the transport and the triggers, the disposer of the
 * context frees the rest, also when this throws.
 */
export async function startServing(context: ServerContext, config: ResolvedConfig): Promise<Running> {
  const { settings, logger, observers, disposer, stopped } = context;
  const audit = await openAudit(context, config);
  const builder = createBuilder(context);
  const active = new ActiveGeneration(await buildFirstGeneration(context, config, builder));
  disposer.defer(() => active.current.dispose());
  lowerThreads(context.keptThreads);
  stopped.throwIfAborted();
  const { callTimeoutMs, maxResultBytes } = settings;
  const renderers = disposer.own(new Renderers());
  const callLog = disposer.own(new CallLog(logger, observers));
  const gate = new CallGate(settings);
  const rates = new CallRates();
  audit?.follow(() => ({ number: active.current.number, fingerprint: configTagOf(active.current.contents) }));
  const kept = disposer.own(createKeptResults(context, active));
  const questions = await openQuestions(context, config);
  const limits = { callTimeoutMs, maxResultBytes, gate, rates };
  const options = {
    ...limits,
    renderers,
    kept,
    questions,
    log: callLog,
    audit: audit?.calls,
    onUpdated: context.announceUpdated,
  };
  const calls = new LiveEndpointCalls(active, options);
  const listening = { port: config.transport.port };
  const authentication = await startAuthentication(context, config, active, () => listening.port);
  const transport = await openTransport(context, config, { calls, authentication, listening });
  const triggers = new ReloadTriggers(context, active);
  const coordinator = new ReloadCoordinator({
    active,
    steps: new ServerReloadSteps(context, { active, builder, transport, triggers, authentication }),
    limits: { pauseTimeoutMs: settings.reloadHoldTimeoutMs, drainTimeoutMs: settings.reloadDrainTimeoutMs },
    logger: logger.child({ component: 'reload' }),
    observer: observers,
  });
  return { active, calls, gate, callLog, audit, authentication, coordinator, transport, renderers, triggers };
}

/** Throws `usage`. */
function assertGroup({ group, namedBy }: ServerContext['settings'], { groups, transport }: ResolvedConfig): void {
  if (group === undefined) return;
  const given = `\`${namedBy.group ?? '--group'}\``;
  if (transport.provider !== 'stdio')
    throw new MxcpError('usage', `${given} is for \`--transport stdio\`; over HTTP, clients connect to /mcp/${group}`);
  if (!groups.has(group)) throw new MxcpError('usage', `${given}: ${groupNotFound(group, [...groups.keys()]).message}`);
}

/** Throws `confirmation_store_failed`. */
async function openQuestions({ settings, logger }: ServerContext, config: ResolvedConfig): Promise<QuestionStates> {
  const folder = config.confirmations?.reveal().folder;
  if (folder !== undefined) await prepareFolder(folder);
  return new QuestionStates(settings.answerTimeoutMs, (message) => logger.warn(message));
}

function createKeptResults(
  { settings, logger }: ServerContext,
  active: ActiveGeneration<GenerationContents>,
): KeptResults {
  return new KeptResults({
    databasePath: () => active.current.contents.database.path,
    maxResultBytes: settings.maxResultBytes,
    onFailure: (error) => logger.warn({ err: error }, 'a result could not be kept'),
  });
}

function createBuilder(context: ServerContext): GenerationBuilder {
  return new GenerationBuilder({
    ...context,
    requestReload: (request) => reloadFromCode(request, context),
    onUpdated: context.announceUpdated,
    shutdownHooksMs: shutdownHooksMs(context.settings.shutdownTimeoutMs),
  });
}

/** The calling code does not wait: the record of the reload and the log show the outcome. */
function reloadFromCode({ description, payload }: PythonReloadRequest, context: ServerContext): void {
  const logger = context.logger.child({ component: 'reload' });
  try {
    const { id } = context.reload({ trigger: 'endpoint', payload });
    logger.info({ id, description }, 'an endpoint asked for a reload');
  } catch (error) {
    void payload?.release();
    logger.warn({ description, reason: messageOf(error) }, 'reload_duckdb() ignored');
  }
}

/** Throws one report of all endpoints with errors; with `--ignore-errors` the generation is built without them. */
async function buildFirstGeneration(
  { phase, logger, stopped, settings }: ServerContext,
  config: ResolvedConfig,
  builder: GenerationBuilder,
): Promise<Generation<GenerationContents>> {
  assertGroup(settings, config);
  phase.startActivity('reading endpoint definitions');
  const onDisk = await raceSignal(loadEndpoints(config), stopped);
  for (const warning of onDisk.warnings) logger.warn(formatProblem(warning));
  const endpointsOn = async (contents: CheckableContents): Promise<EndpointSet> => {
    const checked = withFailures(onDisk, await checkEndpoints(onDisk, contents));
    if (checked.failures.length > 0) {
      const remedy = settings.ignoreErrors ? '' : '; fix them, or start without them with `--ignore-errors`';
      const report = endpointReport(checked.failures, remedy);
      if (!settings.ignoreErrors) throw report;
      logger.warn(`${report.message}\nServing without them (--ignore-errors)`);
    }
    if (config.groups.size > 0) assertGroups(config, checked, { ...settings, warn: (text) => logger.warn(text) });
    return new EndpointSet(checked, config.sqlTools);
  };
  const onActivity = (activity: string): void => phase.startActivity(activity);
  const code = { targets: findPythonTargets(onDisk), resources: findResourcePatterns(onDisk) };
  const spec = { config, ...code, endpointsOn, signal: stopped, onActivity };
  const first = await builder.buildFirst(spec, { hooks: true });
  for (const warning of await first.contents.database.removeEarlierFiles()) logger.warn(warning);
  return first;
}

interface OpenedFor {
  readonly calls: EndpointCalls;
  readonly authentication: Authentication | undefined;
  /** Learns the port that was taken. */
  readonly listening: { port: number };
}

/** Throws `port_in_use`. The server closes it. */
async function openTransport(
  context: ServerContext,
  config: ResolvedConfig,
  { calls, authentication, listening }: OpenedFor,
): Promise<ClientTransport> {
  const { transport } = config;
  const { logger, scrubber, observers, settings, openStreams, phase, readiness, sockets } = context;
  const { accessLog, healthPath } = settings;
  const options = { calls, logger, scrubber, observers, accessLog, ...toShown(config), rotation: phase.rotation };
  if (transport.provider === 'stdio') {
    const caller = await callerOfStdio(authentication, context);
    return startStdio({ ...options, ...openStreams(), caller, group: settings.group });
  }
  const health =
    healthPath === undefined ? undefined : { path: healthPath, isReady: async () => isReady(await readiness.ready()) };
  const listener = await startHttpListener({
    ...options,
    ...transport,
    health,
    descriptors: sockets.mcp,
    authentication,
  });
  listening.port = listener.port;
  return listener;
}

/** What clients show of the server. Lists that only authenticated callers get are not for everyone. */
function toShown({
  project,
  presentation,
  auth,
}: ResolvedConfig): Pick<McpOptions, 'info' | 'instructions' | 'listCache'> {
  const { instructions, cache, ...shown } = presentation;
  const scope = auth === undefined ? (cache.scope ?? 'public') : 'private';
  return { info: { name: project, version, ...shown }, instructions, listCache: { ttlMs: cache.ttlMs, scope } };
}

const CALLS_SHARE = 0.8;
const HOOKS_SHARE = 0.3;
const MAX_HOOKS_MS = 5000;

/** The part of the shutdown time that `on_shutdown` hooks may take. */
function shutdownHooksMs(shutdownTimeoutMs: number): number {
  return Math.min(MAX_HOOKS_MS, shutdownTimeoutMs * HOOKS_SHARE);
}

/** The part of the shutdown time that running calls may take. Where there are `on_shutdown` hooks, their time is taken from it. */
export function shutdownCallsMs(shutdownTimeoutMs: number, hasHooks: boolean): number {
  return shutdownTimeoutMs * CALLS_SHARE - (hasHooks ? shutdownHooksMs(shutdownTimeoutMs) : 0);
}
