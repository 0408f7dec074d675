import type { AdminPorts } from '../admin/index.js';
import type { ResolvedConfig } from '../config/index.js';
import { DatabaseRegistry } from '../duckdb/index.js';
import { formatProblem, messageOf, MxcpError } from '../errors/index.js';
import { Disposer } from '../lifecycle/index.js';
import { type Logger, type LogSink, Scrubber } from '../logging/index.js';
import { loadConfig } from '../project/index.js';
import type { PythonReloadRequest } from '../python/index.js';
import type { AcceptedReload, ReloadOptions } from '../reload/index.js';
import { type ReferenceResolver, SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { createAdminPorts, openAdmin, type OpenAdmin } from './admin-ports.js';
import { ServerPhase } from './readiness.js';
import { lowerThreads, ServerLogging } from './server-logging.js';
import { type Running, shutdownCallsMs, startServing } from './start-serving.js';
import { ReloadTriggers } from './triggers/reload-triggers.js';
import { waitForSecrets } from './wait-for-secrets.js';

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly env: NodeJS.ProcessEnv;
  /** Where log lines go besides the file that the configuration names; standard error unless given. */
  readonly logSinks?: readonly LogSink[];
  /** Further kinds of references, each with a scheme of its own. */
  readonly stores?: readonly ReferenceResolver[];
  /** Threads that keep their priority; all others run queries and give way to them. None given: all stay equal. */
  readonly keptThreads?: readonly number[];
}

/**
 * One server: everything in the order of the flow (settings, admin socket, configuration, generation, MCP), and closed
 * in the reverse order. `start()` once, `close()` once; `close()` also ends a start that is still going on.
 */
export class Server {
  readonly #options: ServerOptions;
  readonly #phase = new ServerPhase();
  readonly #scrubber = new Scrubber();
  readonly #logging: ServerLogging;
  readonly #stores: SecretStores;
  readonly #triggers: ReloadTriggers;
  readonly #databases = new DatabaseRegistry();
  readonly #disposer = new Disposer();
  readonly #stopped = new AbortController();
  #admin: OpenAdmin | undefined;
  #running: Running | undefined;
  #starting: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#logging = new ServerLogging(options.settings, this.#scrubber, options.logSinks);
    this.#disposer.own({ dispose: () => this.#logging.close() });
    this.#stores = this.#disposer.own(new SecretStores({ logger: this.logger, added: options.stores }));
    this.#triggers = this.#disposer.own(
      new ReloadTriggers({
        settings: options.settings,
        request: (request) => this.reload(request),
        resolve: () => this.#loadConfig(this.#running?.active.current.contents.config),
        keepLent: (serving, work) => this.#stores.keepLent(serving, work),
        logger: this.logger.child({ component: 'refresh' }),
      }),
    );
  }

  get logger(): Logger {
    return this.#logging.logger;
  }

  /** What a start that goes on does at the moment, for a person who waits. */
  get activity(): string {
    return this.#phase.activity;
  }

  /** Takes the secret values of the configuration out of a text that is meant for a person, also after the end. */
  scrub(text: string): string {
    return this.#scrubber.scrub(text);
  }

  /** Where MCP clients connect; undefined in stdio mode and before the server is ready. */
  get url(): string | undefined {
    return this.#running?.door.url;
  }

  /** Resolves when MCP clients can call. When it throws, everything that was opened is closed again. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** The one entrance for every trigger. Throws `server_starting`, `server_closing`, `server_busy`. */
  reload(options: ReloadOptions): AcceptedReload {
    if (this.#running === undefined) throw this.#phase.startingError();
    const definitions = options.definitions ?? this.#options.settings.reloadDefinitions;
    return this.#running.coordinator.request({ ...options, definitions });
  }

  /** Resolves when the client of stdio mode has gone; never over HTTP. */
  get clientGone(): Promise<void> {
    return this.#running?.door.clientGone ?? new Promise(() => {});
  }

  /** Ends within `shutdownTimeoutMs`: takes nothing new, lets calls end, interrupts the rest, removes the socket. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /**
   * For a process that ends without `close()`: at once takes away what would lead others to it, and ends what would go on
   * without it. The second name of the database stays: a log that is being written may need it. Throws what stands in the
   * way.
   */
  abandon(): void {
    this.#running?.renderers.abandon();
    this.#admin?.abandon();
  }

  async #start(): Promise<void> {
    this.#opening = this.#open();
    try {
      await this.#opening;
    } catch (error) {
      await this.close().catch((left: unknown) => {
        // Why the start failed matters more than what that left behind.
        this.logger.error({ reason: messageOf(left) }, 'not everything could be closed');
      });
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { settings } = this.#options;
    for (const { name, nearest } of settings.unknownVariables) {
      this.logger.warn(
        `${name} is not a variable of mxcp${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
      );
    }
    this.#admin = this.#disposer.own(
      await openAdmin(settings, {
        ports: this.#createPorts(),
        logger: this.logger,
        scrubber: this.#scrubber,
      }),
    );
    this.#phase.startActivity('resolving the configuration');
    const config = await waitForSecrets(() => this.#loadConfig(), {
      waitMs: settings.waitForSecretsMs,
      phase: this.#phase,
      logger: this.logger,
      stopped: this.#stopped.signal,
    });
    // Never forgotten, so that what a start that failed says about itself still passes the net.
    this.#scrubber.register(config.secretValues.map((secret) => secret.reveal()));
    this.#stopped.signal.throwIfAborted();
    this.#logging.configure(config.logging);
    for (const warning of config.warnings) this.logger.warn(formatProblem(warning));
    this.#disposer.own(this.#databases);
    this.#running = await this.#serve(config);
    this.#stopped.signal.throwIfAborted();
    this.#phase.serve();
    this.#triggers.update(this.#running.active.current.contents);
    this.logger.info({ url: this.url, project: config.project, profile: config.profile }, 'ready');
  }

  /** What is on disk now. `previous` is what serves, when something does. */
  #loadConfig(previous?: ResolvedConfig): Promise<ResolvedConfig> {
    const { settings, env } = this.#options;
    return loadConfig(settings, env, { signal: this.#stopped.signal, stores: this.#stores, previous });
  }

  async #serve(config: ResolvedConfig): Promise<Running> {
    const { settings, env } = this.#options;
    return startServing({
      settings,
      env,
      config,
      databases: this.#databases,
      stores: this.#stores,
      scrubber: this.#scrubber,
      logger: this.logger,
      phase: this.#phase,
      stopped: this.#stopped.signal,
      disposer: this.#disposer,
      requestReload: (request) => this.#reloadFromCode(request),
      onInstance: () => lowerThreads(new Set(this.#options.keptThreads)),
      onSwap: (serving) => this.#triggers.update(serving),
    });
  }

  /** The code that asks has its answer already: what becomes of the reload is told by its record and the log. */
  #reloadFromCode({ description, payload }: PythonReloadRequest): void {
    const logger = this.logger.child({ component: 'reload' });
    try {
      const { id } = this.reload({ trigger: 'endpoint', payload });
      logger.info({ id, description }, 'an endpoint asked for a reload');
    } catch (error) {
      void payload?.release();
      logger.warn({ description, reason: messageOf(error) }, 'reload_duckdb() ignored');
    }
  }

  #createPorts(): AdminPorts {
    return createAdminPorts({
      phase: this.#phase,
      debug: this.#options.settings.debug,
      running: () => this.#running,
      reload: (options) => this.reload(options),
      background: () => [...this.#triggers.reports(), ...this.#stores.reports()],
    });
  }

  async #close(): Promise<void> {
    const { shutdownTimeoutMs } = this.#options.settings;
    this.#phase.close();
    this.#stopped.abort(new MxcpError('server_closing', 'the server was stopped while it started'));
    await this.#triggers.dispose();
    // A start that goes on would open things after they were closed; it ends at its next step, and reports why itself.
    await this.#opening?.catch(() => {});
    if (this.#running !== undefined) {
      this.logger.info('shutting down');
      const { active, coordinator, door } = this.#running;
      // First: a reload that waits for calls gives up, and those that it holds go on to their end.
      const reloadsEnded = coordinator.close();
      const hasHooks = active.current.contents.python?.hasShutdownHooks === true;
      await door.close({ deadlineMs: shutdownCallsMs(shutdownTimeoutMs, hasHooks) });
      // Calls have ended or were told to; a query that has not heard it would keep its file open for ever.
      this.#databases.interruptAll();
      await reloadsEnded;
    }
    await this.#disposer.dispose();
  }
}
