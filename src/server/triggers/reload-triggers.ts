import type { BackgroundReport } from '../../admin/index.js';
import type { ServerSettings } from '../../config/index.js';
import { Disposer, type Disposable } from '../../lifecycle/index.js';
import type { Serving } from '../project/index.js';
import type { BackgroundWork } from './background-work.js';
import { RefreshTrigger, type RefreshTriggerParts } from './refresh-trigger.js';
import { WatchTrigger } from './watch-trigger.js';

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
