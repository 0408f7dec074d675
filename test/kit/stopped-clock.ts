import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';

const LOOKS = 2_000;
const LOOK_EVERY_MS = 5;

/**
 * Stops the clock of this process until the test has ended: it goes on, and timers fire, when the test lets time pass.
 * Files and sockets work meanwhile, and the time of day goes on.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Resolves when this holds, by looks that let no time pass on a stopped clock. Throws when it never does. */
export async function untilHolds(holds: () => boolean, what: string): Promise<void> {
  for (let looks = 0; !holds(); looks += 1) {
    if (looks === LOOKS) throw new Error(`waited in vain for ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}
