import type { BackgroundReport } from '../../admin/index.js';
import type { Serving } from '../project/index.js';
import { reloadOrThrow, type BackgroundWork, type RequestReload } from './background-work.js';
import { toReport } from './failure-report.js';
import { FileWatcher } from './file-watcher.js';
import { RetriedWork } from './retried-work.js';
import { toWatchedFiles } from './watched-file.js';

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
