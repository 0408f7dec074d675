import type { BackgroundReport } from '../../admin/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import type { AcceptedReload, ReloadOptions } from '../../reload/index.js';
import type { Serving } from '../project/index.js';

/** Something that the server does without being asked, once it serves. */
export interface BackgroundWork extends Disposable {
  /** After the start and after every swap. Must not throw. */
  update(serving: Serving): void;
  /** Undefined as long as there is nothing to do. */
  report(): BackgroundReport | undefined;
}

export type RequestReload = (options: ReloadOptions) => AcceptedReload;

/** Asks for a reload and waits for its end. Throws saying why it failed, in the words of its record. */
export async function reloadOrThrow(
  request: RequestReload,
  trigger: ReloadOptions['trigger'],
): Promise<void> {
  const { error } = await request({ trigger }).ended;
  if (error !== null)
    throw new Error(`the reload failed at ${error.stage} (${error.code}): ${error.message}`);
}
