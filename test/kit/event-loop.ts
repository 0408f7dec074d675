import { mainThreadTimeOf } from './processes.js';

/**
 * The largest part of the processor time of some work that passed between two turns of the event loop: 1 if all of it is done in
 * one go. How fast the machine is and what else it does makes no difference. Linux only.
 */
export async function largestTurnOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = mainThreadTimeOf(process.pid);
  let last = startedAt;
  let largest = 0;
  const look = (): void => {
    const now = mainThreadTimeOf(process.pid);
    largest = Math.max(largest, now - last);
    last = now;
  };
  const turns = setInterval(look, 1);
  try {
    await work();
  } finally {
    clearInterval(turns);
  }
  look();
  return largest / (last - startedAt);
}
