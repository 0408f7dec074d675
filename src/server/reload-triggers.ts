import type { AdminPorts } from '../admin/index.js';
import { compareReferences, type ResolvedConfig } from '../config/index.js';
import type { BackgroundReport } from '../contract/index.js';
import { messageOf, MxcpError, toOneLine } from '../errors/index.js';
import { type ActiveGeneration, Backoff, type Disposable, LONGEST_TIMER_MS, withJitter } from '../lifecycle/index.js';
import { loadConfig, type GenerationContents } from '../project/index.js';
import type { ReloadCoordinator, ReloadOptions } from '../reload/index.js';
import { leaseDueAt, type ResolvedReference } from '../secrets/index.js';
import type { ServerContext } from './server-context.js';
import { FileWatcher } from './watch/file-watcher.js';
import { findCodeFiles } from './watch/code-files.js';
import { toNamedFiles, toWatchedFiles, type WatchedFile } from './watch/watched-files.js';

/** Requests of the admin API that may come at once, after a pause. */
const BURST = 10;

/**
 * Reloads as the admin API asks for them: limited in their number, unlike those of signals and changed files, which share runs.
 * `running` is undefined until the first generation serves.
 */
export function createReloadPort(
  context: ServerContext,
  running: () => { readonly coordinator: ReloadCoordinator<GenerationContents> } | undefined,
): AdminPorts['reloads'] {
  const rate = new ReloadRate(context.settings.reloadRateLimit);
  const coordinator = (): ReloadCoordinator<GenerationContents> => {
    const found = running();
    if (found === undefined) throw context.phase.startingError();
    return found.coordinator;
  };
  return {
    request: (options) => {
      // First, so that a request which the server cannot take now does not count.
      coordinator().assertOpen();
      rate.take();
      return context.reload(options);
    },
    find: (id) => coordinator().find(id),
    list: (limit) => coordinator().list(limit),
    cancel: (id) => coordinator().cancel(id),
  };
}

/** A bucket of tokens that fills at an even rate. */
export class ReloadRate {
  readonly #perMinute: number;
  #tokens = BURST;
  #filledAt = performance.now();

  /** 0 for no limit. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Throws `reload_rate_limited` with the seconds after which one request may come. */
  take(): void {
    if (this.#perMinute === 0) return;
    const perMs = this.#perMinute / 60_000;
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#filledAt) * perMs);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      const message = `more than ${this.#perMinute} reloads a minute were asked for; wait, or raise \`--reload-rate-limit\``;
      const retryAfterSeconds = Math.ceil((1 - this.#tokens) / perMs / 1000);
      throw new MxcpError('reload_rate_limited', message, { retryAfterSeconds });
    }
    this.#tokens -= 1;
  }
}

/** Everything that reloads without a request. Does nothing before the first `update`; the server disposes it. */
export class ReloadTriggers implements Disposable {
  readonly #watch: WatchTrigger | undefined;
  readonly #refresh: RefreshTrigger;

  constructor(context: ServerContext, active: ActiveGeneration<GenerationContents>) {
    this.#watch = context.settings.watch ? new WatchTrigger(context) : undefined;
    this.#refresh = new RefreshTrigger(context, active);
  }

  /** After the start and after every swap: changes are noticed by comparison with this generation. */
  update(current: GenerationContents): void {
    this.#watch?.update(current);
    this.#refresh.update(current);
  }

  reports(): readonly BackgroundReport[] {
    return [this.#watch?.report(), this.#refresh.report()].flatMap((report) => report ?? []);
  }

  dispose(): void {
    this.#watch?.dispose();
    this.#refresh.dispose();
  }
}

/**
 * `--watch`: reloads when a file that the current generation was built from has changed. Where every reload reads the
 * definitions, it also watches them, the files that they name, and the Python code.
 */
class WatchTrigger implements Disposable {
  readonly #watchesCode: boolean;
  readonly #startedAt: Date;
  readonly #watcher: FileWatcher;
  readonly #reload: RetriedWork;
  #count = 0;
  /** Below these, code is watched; empty to watch none. */
  #codeFolders: readonly string[] = [];
  #files: readonly WatchedFile[] = [];
  /** Undefined until it has been found. */
  #code: readonly WatchedFile[] | undefined;

  constructor(context: ServerContext) {
    this.#watchesCode = context.settings.reloadDefinitions;
    this.#startedAt = context.phase.startedAt;
    const retries = this.#watchesCode ? CODE_RETRIES : RETRIES;
    this.#reload = new RetriedWork(() => reloadOrThrow(context, 'watch'), { retries });
    this.#watcher = new FileWatcher({ onChange: (known) => void this.#apply(known) });
  }

  update({ config, database, endpoints }: GenerationContents): void {
    this.#reload.reset();
    this.#codeFolders = this.#watchesCode ? [config.projectRoot, ...Object.values(config.paths)] : [];
    const named = this.#watchesCode ? toNamedFiles(config.projectRoot, endpoints.catalog) : [];
    this.#files = [...toWatchedFiles(config, database), ...named];
    void this.#watch();
  }

  report(): BackgroundReport {
    return toReport('watch', this.#reload.failure, `watches ${this.#count} files`);
  }

  dispose(): void {
    this.#watcher.dispose();
    this.#reload.dispose();
  }

  /**
   * The known state of the code is that before the reload that reads it, so a change during a reload causes another one. At the
   * start, everything that was written since then counts as changed.
   */
  async #watch(): Promise<void> {
    if (this.#codeFolders.length > 0) this.#code ??= await findCodeFiles(this.#codeFolders, this.#startedAt);
    this.#watchAll([...(this.#code ?? []), ...this.#files]);
  }

  /** Finds the code again, so that a new file is watched even if the reload fails because of it. */
  async #apply(known: readonly WatchedFile[]): Promise<void> {
    if (this.#codeFolders.length > 0) {
      this.#code = await findCodeFiles(this.#codeFolders);
      this.#watchAll([...known, ...this.#code]);
    }
    this.#reload.start();
  }

  /** Of two files with the same path, the later one is watched. */
  #watchAll(files: readonly WatchedFile[]): void {
    const watched = new Map(files.map((file) => [file.path, file]));
    this.#count = watched.size;
    this.#watcher.watch([...watched.values()]);
  }
}

/** A lease of almost no time must not make a store busy. */
const MINIMUM_WAIT_MS = 1_000;

/**
 * `reload.refresh` and the leases of references: resolves all references again from time to time, and reloads when a value
 * differs from that of the current generation.
 */
class RefreshTrigger implements Disposable {
  readonly #context: ServerContext;
  readonly #active: ActiveGeneration<GenerationContents>;
  readonly #refresh: RetriedWork;
  #timer: NodeJS.Timeout | undefined;
  /** `now` while a refresh runs; undefined when nothing has to be resolved again. */
  #nextAt: Date | 'now' | undefined;
  #loggedReason = '';
  #isDisposed = false;

  constructor(context: ServerContext, active: ActiveGeneration<GenerationContents>) {
    this.#context = context;
    this.#active = active;
    this.#refresh = new RetriedWork(
      // The reload is part of the work: it uses the values that were read for the comparison and reads none twice.
      async () => {
        await context.stores.reuseLeased(this.#current.references, () => this.#resolveAgain());
        context.observers.refreshEnded(undefined);
      },
      {
        onFailure: (failure) => {
          context.observers.refreshEnded(failure.reason);
          this.#log(failure);
        },
      },
    );
  }

  /** After a swap all values are fresh, whatever triggered it. */
  update({ config }: GenerationContents): void {
    this.#refresh.reset();
    this.#loggedReason = '';
    this.#plan(config);
  }

  report(): BackgroundReport | undefined {
    const next = this.#nextAt;
    if (next === undefined) return undefined;
    const when = next === 'now' ? next : `at ${next.toISOString()}`;
    return toReport('refresh', this.#refresh.failure, `resolves the references again ${when}`);
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#refresh.dispose();
  }

  get #current(): ResolvedConfig {
    return this.#active.current.contents.config;
  }

  async #resolveAgain(): Promise<void> {
    const { settings, env, stopped, stores } = this.#context;
    const fresh = await loadConfig(settings, env, { signal: stopped, stores, previous: this.#current });
    this.#loggedReason = '';
    // Read after the wait: a swap in the meantime has changed what to compare with.
    const outcomes = compareReferences(this.#current.references, fresh.references);
    if (outcomes.some(({ outcome }) => outcome !== 'unchanged')) await reloadOrThrow(this.#context, 'refresh');
    else this.#plan(fresh);
  }

  /** The leases come from the `fresh` values, the interval from the current configuration. */
  #plan(fresh: ResolvedConfig): void {
    clearTimeout(this.#timer);
    this.#nextAt = undefined;
    const waitMs = findWait(this.#current.refreshMs, fresh.references);
    if (waitMs === undefined || this.#isDisposed) return;
    this.#nextAt = new Date(Date.now() + waitMs);
    this.#timer = setTimeout(() => {
      this.#nextAt = 'now';
      this.#refresh.start();
    }, waitMs).unref();
  }

  /** Once per reason: most retries fail for the same one. */
  #log({ reason, retryAt }: Failure): void {
    if (reason === this.#loggedReason) return;
    this.#loggedReason = reason;
    this.#context.logger.warn(
      { component: 'refresh', reason, retry_at: retryAt.toISOString() },
      'references could not be resolved again; the current values stay in use',
    );
  }
}

/** Undefined when nothing has to be resolved again. */
function findWait(refreshMs: number | null, references: readonly ResolvedReference[]): number | undefined {
  const waits = [
    ...(refreshMs === null ? [] : [withJitter(refreshMs)]),
    ...references
      .filter(({ leaseSeconds }) => leaseSeconds !== undefined)
      .flatMap((reference) => leaseDueAt(reference) ?? [])
      .map((dueAt) => dueAt - Date.now()),
  ];
  if (waits.length === 0) return undefined;
  return Math.min(Math.max(Math.min(...waits), MINIMUM_WAIT_MS), LONGEST_TIMER_MS);
}

/** While code is watched, most failures are mistakes in a file, and only a change of that file can help. */
const CODE_RETRIES = { firstMs: 60_000, longestMs: 5 * 60_000 } as const;

const RETRIES = { firstMs: 1_000, longestMs: 5 * 60_000 } as const;

/** The last failure of work that will be retried. */
interface Failure {
  /** One line. */
  readonly reason: string;
  /** How many in a row. */
  readonly times: number;
  readonly retryAt: Date;
}

/** Background work that is retried after each failure, with growing delays. */
class RetriedWork implements Disposable {
  readonly #work: () => Promise<void>;
  readonly #onFailure: (failure: Failure) => void;
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;
  /** Increased by a newer run, a reset or the disposal: the outcome of an older run is then ignored. */
  #epoch = 0;
  #isDisposed = false;

  constructor(
    work: () => Promise<void>,
    options: {
      readonly onFailure?: (failure: Failure) => void;
      readonly retries?: ConstructorParameters<typeof Backoff>[0];
    },
  ) {
    this.#work = work;
    this.#onFailure = options.onFailure ?? (() => undefined);
    this.#backoff = new Backoff(options.retries ?? RETRIES);
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Runs the work now, for a new reason: earlier failures do not delay it. */
  start(): void {
    this.#backoff.reset();
    this.#run();
  }

  /** Something else has achieved what this work is for. */
  reset(): void {
    this.#epoch += 1;
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#failure = undefined;
  }

  dispose(): void {
    this.reset();
    this.#isDisposed = true;
  }

  #run(): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#timer);
    this.#epoch += 1;
    void this.#attempt(this.#epoch);
  }

  async #attempt(epoch: number): Promise<void> {
    try {
      await this.#work();
      if (epoch === this.#epoch) this.reset();
    } catch (error) {
      if (epoch === this.#epoch) this.#fail(messageOf(error));
    }
  }

  #fail(message: string): void {
    const waitMs = this.#backoff.next();
    const retryAt = new Date(Date.now() + waitMs);
    this.#failure = { reason: toOneLine(message), times: this.#backoff.failures, retryAt };
    this.#timer = setTimeout(() => this.#run(), waitMs).unref();
    this.#onFailure(this.#failure);
  }
}

/** Requests a reload and waits for its end. Throws with the error of its record. */
async function reloadOrThrow({ reload }: ServerContext, trigger: ReloadOptions['trigger']): Promise<void> {
  const { error } = await reload({ trigger }).ended;
  if (error !== null) throw new Error(`the reload failed at ${error.stage} (${error.code}): ${error.message}`);
}

/** For `/status`: `fine` unless the work fails. */
function toReport(name: string, failure: Failure | undefined, fine: string): BackgroundReport {
  if (failure === undefined) return { name, status: 'ok', message: fine };
  const { reason, times, retryAt } = failure;
  const count = times === 1 ? '' : `, ${times} times in a row`;
  return {
    name,
    status: 'failing',
    message: `${reason}${count}; the current generation keeps serving; next attempt at ${retryAt.toISOString()}`,
  };
}
