import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';

const LOOKS = 2_000;
const LOOK_EVERY_MS = 5;

/**
 * Stops the clock of this process until the test has ended: it runs, and timers fire, only when the test lets time pass.
 * Files and sockets work meanwhile, and the time of day continues.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Resolves when this holds, by looks that let no time pass on a stopped clock. Throws when it never does. */
export async function untilHolds(holds: () => boolean, what: string): Promise<void> {
  for (let looks = 0; !holds(); looks += 1) {
    if (looks === LOOKS) throw new Error(`gave up waiting for ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}
