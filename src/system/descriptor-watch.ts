import { join } from 'node:path';
import type { Disposable } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { parseMaxFiles, readSystemFile } from './proc-files.js';
import { countDescriptors } from './system-facts.js';

const CHECK_MS = 5_000;
/** Warned about from the first share on, and once more only after it was below the second. */
const HIGH = 0.9;
const LOW = 0.8;

/**
 * Warns before the process has no descriptor left. Node says nothing then: it drops new connections without an error or an
 * event (Node 20.20, libuv 1.46). Does nothing on a system without /proc. Its owner disposes it.
 */
export class DescriptorWatch implements Disposable {
  readonly #logger: Logger;
  readonly #root: string;
  readonly #timer: NodeJS.Timeout;
  readonly #limit: Promise<number | undefined>;
  #isHigh = false;
  #checking: Promise<void> | undefined;

  constructor(logger: Logger, { root = '/', checkMs = CHECK_MS } = {}) {
    this.#logger = logger;
    this.#root = root;
    // Once: only the process itself could change it.
    this.#limit = readSystemFile(join(root, 'proc/self/limits')).then((text = '') => parseMaxFiles(text));
    this.#timer = setInterval(() => {
      this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    }, checkMs).unref();
  }

  async dispose(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  async #check(): Promise<void> {
    const limit = await this.#limit;
    if (limit === undefined) return;
    // Counting needs a descriptor too: when that fails, none is left.
    const open = (await countDescriptors(this.#root)) ?? limit;
    if (open >= limit * HIGH && !this.#isHigh) {
      this.#isHigh = true;
      this.#logger.warn(
        { open, limit },
        'nearly all file descriptors are in use, and without one new connections are dropped; raise the limit (`LimitNOFILE=`, `ulimit -n`), or find what holds them',
      );
    } else if (open < limit * LOW && this.#isHigh) {
      this.#isHigh = false;
      this.#logger.info({ open, limit }, 'enough file descriptors are free again');
    }
  }
}
