import { type RunRecord, toSecondText } from '../contract/index.js';
import { clip, plural, toOneLine } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { ReloadChange, ServerObserver } from '../telemetry/index.js';
import { type NotifySocket, openNotifySocket } from './notify-socket.js';
import type { ServiceEnvironment } from './systemd-environment.js';

/** What the notifier asks of the server. */
export interface ObservedServer {
  readonly logger: Logger;
  /** Of the current generation; 0 before the first. */
  readonly generation: number;
  readonly activeCalls: number;
  /** Whether a reload runs or waits. */
  readonly isReloading: boolean;
  /** Why the server cannot do its work, as opposed to being stopped, drained or busy; undefined if it can. */
  findFault(): Promise<string | undefined>;
  observe(observer: ServerObserver): () => void;
}

/** Reports a server to systemd. Undefined if systemd does not ask for it. The caller disposes it after the server has closed. */
export async function notifySystemd(
  { notifySocket, watchdogMs }: ServiceEnvironment,
  server: ObservedServer,
): Promise<SystemdNotifier | undefined> {
  if (notifySocket === undefined) return undefined;
  const logger = server.logger.child({ component: 'systemd' });
  const notifier = new SystemdNotifier({
    socket: await openNotifySocket(notifySocket, logger),
    server,
    watchdogMs,
    logger,
  });
  server.observe(notifier);
  return notifier;
}

interface NotifierOptions {
  readonly socket: NotifySocket;
  readonly server: ObservedServer;
  readonly watchdogMs: number | undefined;
  readonly logger: Logger;
}

const STATUS_INTERVAL_MS = 5_000;
/** So that one sign of life that comes late does not end the service. */
const SIGNS_PER_WATCHDOG_TIME = 4;
const MAX_STATUS_LENGTH = 300;

/**
 * Says when the server is ready, reloads and stops, what it is doing, and that it is alive. A server whose event loop hangs or whose
 * database does not answer gives no sign of life, so systemd restarts it.
 */
export class SystemdNotifier implements ServerObserver {
  readonly #options: NotifierOptions;
  readonly #reloads = new Set<string>();
  readonly #timers: NodeJS.Timeout[];
  #phase: 'starting' | 'serving' | 'closing' = 'starting';
  #activity = 'starting';
  #drainingSince: Date | undefined;
  #lastReload = '';
  #shownStatus = '';
  #isAsking = false;
  #hasFault = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    const { watchdogMs } = options;
    this.#timers = [setInterval(() => this.#refresh(), STATUS_INTERVAL_MS).unref()];
    if (watchdogMs === undefined) return;
    const intervalMs = watchdogMs / SIGNS_PER_WATCHDOG_TIME;
    this.#timers.push(setInterval(() => void this.#giveSignOfLife(), intervalMs).unref());
  }

  phaseChanged(phase: 'starting' | 'serving' | 'closing', activity: string): void {
    const before = this.#phase;
    this.#phase = phase;
    this.#activity = activity;
    if (phase === 'serving' && before === 'starting') this.#send('READY=1');
    else if (phase === 'closing' && before !== 'closing') this.#send('STOPPING=1');
    else this.#sendIfChanged();
  }

  drainChanged(since: Date | undefined): void {
    this.#drainingSince = since;
    this.#sendIfChanged();
  }

  /** Synchronously within the request, so that systemd, which waits for an answer that is later than its SIGHUP, gets one. */
  reloadChanged(record: RunRecord, change: ReloadChange): void {
    if (record.dryRun) return;
    if (change === 'queued') {
      this.#reloads.add(record.id);
      this.#sendReloading();
    }
    if (change !== 'ended') return;
    for (const id of [record.id, ...record.sharedWith]) this.#reloads.delete(id);
    this.#lastReload = describeReload(record);
    this.#endReloading();
  }

  /** After a SIGHUP that starts no reload: systemd would wait for the end of one. */
  hangupIgnored(): void {
    if (this.#phase !== 'serving') return;
    this.#sendReloading();
    this.#endReloading();
  }

  dispose(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #refresh(): void {
    // Requests that were cancelled are not among those that a run answers.
    if (this.#reloads.size > 0 && !this.#options.server.isReloading) {
      this.#reloads.clear();
      this.#endReloading();
    } else this.#sendIfChanged();
  }

  #endReloading(): void {
    if (this.#reloads.size === 0 && this.#phase === 'serving') this.#send('READY=1');
  }

  #sendReloading(): void {
    // Node's high-resolution clock is CLOCK_MONOTONIC.
    if (this.#phase === 'serving') this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  #send(...lines: readonly string[]): void {
    this.#shownStatus = this.#describe();
    this.#options.socket.send(...lines, `STATUS=${this.#shownStatus}`);
  }

  #sendIfChanged(): void {
    if (this.#describe() !== this.#shownStatus) this.#send();
  }

  #describe(): string {
    const { generation, activeCalls } = this.#options.server;
    if (this.#phase === 'starting') return this.#activity;
    const calls = `${plural(activeCalls, 'call')} running`;
    if (this.#phase === 'closing') return `shutting down, ${calls}`;
    const rotation =
      this.#drainingSince === undefined ? '' : `out of rotation since ${toSecondText(this.#drainingSince)}, `;
    const reloading = this.#reloads.size === 0 ? '' : ', reloading';
    return clip(`${rotation}generation ${generation}, ${calls}${reloading}${this.#lastReload}`, MAX_STATUS_LENGTH);
  }

  /** At most one question at a time: each one that the database does not answer holds a thread. */
  async #giveSignOfLife(): Promise<void> {
    const { server, socket, logger } = this.#options;
    if (this.#isAsking) return;
    this.#isAsking = true;
    const fault = await server.findFault().finally(() => (this.#isAsking = false));
    if (fault === undefined) socket.send('WATCHDOG=1');
    else if (!this.#hasFault)
      logger.error(`no sign of life for the watchdog of systemd, which will end the service: ${fault}`);
    this.#hasFault = fault !== undefined;
  }
}

function describeReload({ status, endedAt, error }: RunRecord): string {
  const at = endedAt === null ? '' : ` at ${toSecondText(endedAt)}`;
  if (error === null) return `, last reload ${status === 'success' ? 'succeeded' : status}${at}`;
  return `, last reload FAILED${at} at stage ${error.stage}: ${toOneLine(error.message)}`;
}
