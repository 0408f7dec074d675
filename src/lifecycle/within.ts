/**
 * What `work` gives, or undefined when the limit, a time in milliseconds or a signal, comes first. Such a time keeps the
 * process alive. What the work does after that is the caller's to end.
 */
export function within<T>(work: Promise<T>, limit: number | AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = onLimit(limit, () => resolve(undefined));
    void work.then(resolve, reject).finally(stop);
  });
}

/** As `within`, but rejects with the signal's reason when that aborts first. */
export function raceSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = onLimit(signal, () => reject(signal.reason));
    void work.then(resolve, reject).finally(stop);
  });
}

/** Answers with what takes it back. */
function onLimit(limit: number | AbortSignal, end: () => void): () => void {
  if (typeof limit === 'number') {
    const timer = setTimeout(end, limit);
    return () => clearTimeout(timer);
  }
  if (limit.aborted) end();
  else limit.addEventListener('abort', end, { once: true });
  return () => limit.removeEventListener('abort', end);
}
