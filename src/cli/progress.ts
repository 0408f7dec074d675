import type { Output } from './output.js';

/** Who waits longer than this is told what for. */
const PATIENCE_MS = 1_000;

/**
 * Tells a person at a terminal what takes so long, on a line that is gone when it is over; in a pipe it says nothing.
 * `activity` is asked each time, so it may change. The caller ends it.
 */
export function startProgress(output: Output, activity: () => string): { end(): void } {
  if (!output.isErrorTerminal) return { end: () => {} };
  let shown = false;
  const timer = setInterval(() => {
    shown = true;
    output.writeError(`\r\u001B[K${activity()} …`);
  }, PATIENCE_MS);
  timer.unref();
  return {
    end: () => {
      clearInterval(timer);
      if (shown) output.writeError('\r\u001B[K');
    },
  };
}

/** As `startProgress`, for as long as `work` takes. */
export async function withProgress<T>(output: Output, activity: string, work: Promise<T>): Promise<T> {
  const progress = startProgress(output, () => activity);
  try {
    return await work;
  } finally {
    progress.end();
  }
}
