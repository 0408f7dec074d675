import { randomBytes } from 'node:crypto';
import { writeOwnerFile } from '../admin/index.js';
import type { ResolvedConfig } from '../config/index.js';
import { DatabaseRegistry } from '../duckdb/index.js';
import type { LiveEndpointCalls } from '../endpoints/index.js';
import { formatProblem, messageOf, MxcpError } from '../errors/index.js';
import { isLoopbackHost } from '../http/index.js';
import { Disposer } from '../lifecycle/index.js';
import { type Logger, type LogSink, Scrubber, ServerLog } from '../logging/index.js';
import type { AcceptedReload, ReloadOptions } from '../reload/index.js';
import { type ReferenceResolver, SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import type { HandedSockets } from '../systemd/index.js';
import { DescriptorWatch } from '../system/index.js';
import { Observers, type ServerObserver } from '../telemetry/index.js';
import { createAdminPorts, openAdmin, type OpenAdmin } from './admin-ports.js';
import { ServerReadiness } from './readiness.js';
import { leaveRotation } from './rotation.js';
import { type ServerContext, ServerPhase } from './server-context.js';
import { openMetrics } from './server-metrics.js';
import { loadFirstConfig, type Running, shutdownCallsMs, startServing } from './start-serving.js';
import { startTelemetryExport } from './telemetry-export.js';

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly env: NodeJS.ProcessEnv;
  /** Where log lines go besides the file that the configuration names; standard error unless given. */
  readonly logSinks?: readonly LogSink[];
  /** Further kinds of references, each with its own scheme. */
  readonly stores?: readonly ReferenceResolver[];
  /** Learn what happens in the server, besides its own. */
  readonly observers?: readonly ServerObserver[];
  /** Threads that keep their priority; all others run queries and get a lower one. Unless given, all stay equal. */
  readonly keptThreads?: readonly number[];
  /** Sockets that systemd listens on for this server; without one, the server makes its own. */
  readonly sockets?: HandedSockets | undefined;
  /** Opens the streams of stdio mode; those of the process unless given. */
  readonly openStreams?: ServerContext['openStreams'];
}

/**
 * One server. `start()` opens everything in the order of the flow (admin socket, configuration, first generation, MCP
 * transport), `reload()` replaces the generation, `close()` closes everything in reverse order. Start and close once; a
 * close also ends a start that is still running.
 */
export class Server {
  readonly #context: ServerContext;
  readonly #log: ServerLog;
  readonly #stopped = new AbortController();
  #admin: OpenAdmin | undefined;
  #running: Running | undefined;
  #starting: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(serverOptions: ServerOptions) {
    const { settings, env, logSinks, stores, observers: added = [], keptThreads, sockets, openStreams } = serverOptions;
    const disposer = new Disposer();
    const scrubber = new Scrubber();
    const { debug, logFormat: format } = settings;
    this.#log = new ServerLog({ debug, format, scrubber, sinks: logSinks });
    const { logger } = this.#log;
    disposer.defer(() => this.#log.close());
    const observers = new Observers(logger);
    this.#log.level.onChange = (state) => observers.logLevelChanged(state);
    this.#log.onLine = (level, text, record) => observers.lineLogged({ level, text, record });
    const phase = new ServerPhase(observers);
    for (const observer of added) observers.add(observer);
    this.#context = {
      settings,
      env,
      logger,
      scrubber,
      stores: disposer.own(new SecretStores({ logger, added: stores })),
      databases: new DatabaseRegistry(),
      phase,
      readiness: new ServerReadiness(
        { phase, observers },
        () => this.#running?.active,
        () => this.#running?.audit?.check(),
      ),
      observers,
      logLevel: this.#log.level,
      ownerToken: randomBytes(32).toString('base64url'),
      keptThreads: new Set(keptThreads),
      sockets: sockets ?? { admin: undefined, probe: undefined, mcp: [] },
      openStreams: openStreams ?? (() => ({ input: process.stdin, output: process.stdout })),
      stopped: this.#stopped.signal,
      disposer,
      reload: (options) => this.reload(options),
      announceUpdated: (uris) => this.#running?.transport.notifyResourcesUpdated(new Set(uris)),
    };
  }

  get logger(): Logger {
    return this.#log.logger;
  }

  /** Opens the log file anew, after another program has renamed it, and begins a new segment of the audit log. */
  reopenLog(): void {
    const path = this.#log.reopen();
    const audit = this.#running?.audit;
    audit?.reopen();
    if (path !== undefined) this.logger.info({ path }, 'log file opened anew');
    if (audit !== undefined) this.logger.info({ path: audit.state.path }, 'the audit log continues in a new segment');
    if (path === undefined && audit === undefined)
      this.logger.warn('SIGUSR1 ignored: the configuration names no log file (`logging.path`)');
  }

  /** What a running start is doing, shown to a person who waits. */
  get activity(): string {
    return this.#context.phase.activity;
  }

  /** Replaces the secret values of the configuration in a text meant for a person. Works after the end too. */
  scrub(text: string): string {
    return this.#context.scrubber.scrub(text);
  }

  /** Where MCP clients connect; undefined in stdio mode and before the server is ready. */
  get url(): string | undefined {
    return this.#running?.transport.url;
  }

  /** Names of the calls that have not ended, the oldest first. */
  get runningCalls(): readonly string[] {
    return this.#running?.active.leases.map(({ label }) => label) ?? [];
  }

  /** Number of the current generation; 0 before the first. */
  get generation(): number {
    return this.#running?.active.current.number ?? 0;
  }

  get activeCalls(): number {
    return this.#running?.calls.activeCalls ?? 0;
  }

  get isReloading(): boolean {
    const { inProgress = false, queued = 0 } = this.#running?.coordinator.status() ?? {};
    return inProgress || queued > 0;
  }

  /** Why calls cannot be served although the server neither starts nor stops: the database does not answer. Undefined without such a fault. */
  async findFault(): Promise<string | undefined> {
    const { phase, readiness } = this.#context;
    if (phase.current !== 'serving') return undefined;
    const { checks } = await readiness.ready();
    const fault = checks.find(({ name, status }) => name === 'database' && status === 'fail');
    return fault === undefined ? undefined : `check "${fault.name}" failed: ${fault.message}`;
  }

  /** Passes what happens in this server to an observer from now on; returns what ends that. */
  observe(observer: ServerObserver): () => void {
    return this.#context.observers.add(observer);
  }

  /** Resolves when the client of stdio mode has disconnected; never over HTTP. */
  get clientGone(): Promise<void> {
    return this.#running?.transport.clientGone ?? new Promise(() => {});
  }

  /** Resolves when MCP clients can call. When it throws, everything that was opened is closed again. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** The one way to reload, for every trigger. Throws `server_starting`, `server_closing`, `server_busy`. */
  reload(options: ReloadOptions): AcceptedReload {
    const { phase, settings } = this.#context;
    if (phase.current === 'closing') throw phase.closingError();
    if (this.#running === undefined) throw phase.startingError();
    const definitions = options.definitions ?? settings.reloadDefinitions;
    return this.#running.coordinator.request({ ...options, definitions });
  }

  /**
   * For `--drain-grace`, still serves calls although it is no longer ready, so that load balancers send clients elsewhere before
   * `close()` refuses them. Returns at once where none can have noticed or all had the time: over stdio, during a start, after a drain.
   */
  async leaveRotation(why: object = {}): Promise<void> {
    // Over stdio, no balancer sends clients.
    if (this.#running !== undefined && this.url !== undefined) await leaveRotation(this.#context, this.#running, why);
  }

  /**
   * Accepts nothing new, lets calls run for most of `shutdownTimeoutMs`, interrupts the rest, removes the socket. The log has
   * `why`.
   */
  close(why: object = {}): Promise<void> {
    this.#closed ??= this.#close(why);
    return this.#closed;
  }

  /**
   * For a process that ends without `close()`: synchronously removes the sockets and ends child processes that would outlive
   * it. The second name of the database file stays, because a log that is still being written may need it. Throws when
   * something cannot be removed.
   */
  abandon(): void {
    this.#running?.renderers.abandon();
    this.#running?.audit?.abandon();
    this.#admin?.abandon();
  }

  async #start(): Promise<void> {
    this.#opening = this.#open();
    try {
      await this.#opening;
    } catch (error) {
      await this.close().catch((failure: unknown) => {
        // The caller gets the reason of the failed start, which matters more.
        this.logger.error({ reason: messageOf(failure) }, 'not everything could be closed');
      });
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { phase, disposer, stopped, scrubber, databases } = this.#context;
    this.#warnOfUnknownVariables();
    const running = () => this.#running;
    const metrics = await openMetrics(this.#context, running);
    const createPorts = () => createAdminPorts(this.#context, running, metrics);
    this.#admin = disposer.own(await openAdmin(this.#context, createPorts));
    const config = await loadFirstConfig(this.#context);
    // Never unregistered, so that secrets are also redacted from the errors of a failed start.
    scrubber.register(config.secretValues.map((secret) => secret.reveal()));
    stopped.throwIfAborted();
    this.#log.configure(config.logging);
    for (const warning of config.warnings) this.logger.warn(formatProblem(warning));
    // Ended after the last generation, whose hooks may log.
    await startTelemetryExport(this.#context, config, () => this.#running?.active.current);
    // Owned after the admin socket: the socket disappears only when the databases are closed.
    disposer.own(databases);
    this.#running = await startServing(this.#context, config);
    stopped.throwIfAborted();
    await this.#tellOwner(config);
    phase.serve();
    disposer.own(new DescriptorWatch(this.logger.child({ component: 'system' })));
    this.#running.triggers.update(this.#running.active.current.contents);
    warnOfOpenPort(config, this.url, this.logger);
    const groups = config.groups.size === 0 ? {} : { groups: [...config.groups.keys()].join(', ') };
    this.logger.info({ url: this.url, project: config.project, profile: config.profile, ...groups }, 'ready');
  }

  /** Other commands of this user find the server, because they cannot open its database. */
  async #tellOwner({ duckdb }: ResolvedConfig): Promise<void> {
    const { disposer, ownerToken: token } = this.#context;
    const socket = this.#admin?.socketPath;
    if (socket === undefined || duckdb.readonly) return;
    try {
      disposer.own(await writeOwnerFile(duckdb.path, { pid: process.pid, socket, token }));
    } catch (error) {
      const reason = messageOf(error);
      this.logger.warn({ component: 'admin', reason }, 'other commands cannot find this server beside its database');
    }
  }

  #warnOfUnknownVariables(): void {
    for (const { name, nearest } of this.#context.settings.unknownVariables) {
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      const component = name.startsWith('MXCP_ADMIN') ? 'admin' : 'settings';
      this.logger.warn({ component }, `${name} is not a variable of mxcp${hint}`);
    }
  }

  async #close(why: object): Promise<void> {
    const { settings, phase, databases, disposer } = this.#context;
    phase.close();
    this.#stopped.abort(new MxcpError('server_closing', 'the server was stopped while it started'));
    // A running start ends at its next step; it would otherwise open things after they were closed. It reports its error itself.
    await this.#opening?.catch(() => {});
    if (this.#running !== undefined) {
      const { active, calls, coordinator, transport, triggers } = this.#running;
      await triggers.dispose();
      this.logger.info({ ...why, calls: calls.activeCalls }, 'shutting down');
      // Before the transport: a reload that waits for calls gives up, and the calls it holds back can end.
      const reloadsEnded = coordinator.close();
      const hasHooks = active.current.contents.python?.hasShutdownHooks === true;
      const deadlineMs = shutdownCallsMs(settings.shutdownTimeoutMs, hasHooks);
      const reports = reportCallsLeft(calls, deadlineMs, this.logger);
      await transport.close({ deadlineMs }).finally(() => clearInterval(reports));
      // Every call has ended or was cancelled. A query that missed its cancellation would keep its file open.
      databases.interruptAll();
      await reloadsEnded;
    }
    await disposer.dispose();
  }
}

/** A port that others can reach, and where nothing keeps callers out, should not be opened by mistake. */
function warnOfOpenPort({ auth, sqlTools }: ResolvedConfig, url: string | undefined, logger: Logger): void {
  if (url === undefined) return;
  const { hostname, port } = new URL(url);
  const host = hostname.replaceAll(/[[\]]/g, '');
  if (isLoopbackHost(host) || auth !== undefined) return;
  logger.warn(
    `listening on ${host} without authentication: every client that reaches port ${port || 80} can call every endpoint; listen on localhost, or put a proxy that authenticates in front of it`,
  );
  if (!sqlTools.enabled) return;
  const files = sqlTools.externalAccess ? ', read files of this user and write them' : '';
  logger.warn(
    `THE SQL TOOLS ARE ON: every client that reaches the port can run any SQL on the database${files}; set \`sql_tools.enabled: false\` unless all of them may do that`,
  );
}

const REPORT_INTERVAL_MS = 1_000;

/** Says every second what a shutdown waits for. The caller clears the interval. */
function reportCallsLeft(calls: LiveEndpointCalls, deadlineMs: number, logger: Logger): NodeJS.Timeout {
  const endsAt = performance.now() + deadlineMs;
  const report = (): void => {
    const left_s = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
    if (calls.activeCalls > 0) logger.info({ calls: calls.activeCalls, left_s }, 'waiting for calls to end');
  };
  return setInterval(report, REPORT_INTERVAL_MS).unref();
}
