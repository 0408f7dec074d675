import type { Output } from './output.js';

const DELAY_MS = 1_000;

/**
 * Shows a person at a terminal what a slow command is doing, on a line that is erased at the end; in a pipe it writes nothing.
 * `activity` is called for each update, so its text may change. The caller calls `end`.
 */
export function startProgress(output: Output, activity: () => string): { end(): void } {
  if (!output.isErrorTerminal) return { end: () => {} };
  let isShown = false;
  const timer = setInterval(() => {
    isShown = true;
    output.writeError(`\r\u001B[K${activity()} …`);
  }, DELAY_MS);
  timer.unref();
  return {
    end: () => {
      clearInterval(timer);
      if (isShown) output.writeError('\r\u001B[K');
    },
  };
}

/** Shows progress until `work` settles. */
export async function withProgress<T>(output: Output, activity: string, work: Promise<T>): Promise<T> {
  const progress = startProgress(output, () => activity);
  try {
    return await work;
  } finally {
    progress.end();
  }
}
