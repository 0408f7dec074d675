import type { BackgroundReport } from '../../contract/index.js';
import { type Disposable, Disposer } from '../../lifecycle/index.js';
import type { Serving } from '../../project/index.js';
import type { ServerSettings } from '../../settings/index.js';
import { FileWatcher } from './file-watcher.js';
import { toWatchedFiles } from './folder-watches.js';
import { RefreshTrigger, type RefreshTriggerParts } from './refresh-trigger.js';
import {
  type BackgroundWork,
  reloadOrThrow,
  type RequestReload,
  RetriedWork,
  toReport,
} from './retried-work.js';

export interface ReloadTriggersParts extends RefreshTriggerParts {
  readonly settings: ServerSettings;
}

/** Everything that reloads without being asked. Does nothing before the first `update`; the server disposes it. */
export class ReloadTriggers implements Disposable {
  readonly #works: readonly BackgroundWork[];
  readonly #disposer = new Disposer();

  constructor({ settings, ...parts }: ReloadTriggersParts) {
    this.#works = [
      ...(settings.watch ? [new WatchTrigger(parts.request)] : []),
      new RefreshTrigger(parts),
    ].map((work) => this.#disposer.own(work));
  }

  /** When something else begins to serve: that is what changes are noticed against from now on. */
  update(serving: Serving): void {
    for (const work of this.#works) work.update(serving);
  }

  reports(): readonly BackgroundReport[] {
    return this.#works.flatMap((work) => work.report() ?? []);
  }

  dispose(): Promise<void> {
    return this.#disposer.dispose();
  }
}

/** `--watch`: a reload when what the generation that serves was made of has changed. */
export class WatchTrigger implements BackgroundWork {
  readonly #watcher: FileWatcher;
  readonly #reload: RetriedWork;
  #count = 0;

  constructor(request: RequestReload) {
    this.#reload = new RetriedWork({ work: async () => reloadOrThrow(request, 'watch') });
    this.#watcher = new FileWatcher({ onChange: () => this.#reload.start() });
  }

  update({ config, database }: Serving): void {
    const files = toWatchedFiles(config, database);
    this.#count = new Set(files.map(({ path }) => path)).size;
    this.#reload.reset();
    this.#watcher.watch(files);
  }

  report(): BackgroundReport {
    return toReport('watch', this.#reload.failure, `watches ${this.#count} files`);
  }

  dispose(): void {
    this.#watcher.dispose();
    this.#reload.dispose();
  }
}
