import { MxcpError } from '../../errors/index.js';
import type { PythonWorkers } from '../../runtime/index.js';

/**
 * Runs the `on_init` hooks of a generation that is about to serve. They may take long; when the signal aborts first, its
 * workers are ended with them. Throws `python_failed`, `worker_exited`, `server_closing`.
 */
export async function runInitHooks(
  python: PythonWorkers | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (python === undefined) return;
  // The generation disposes it once more, which does nothing.
  const onAbort = (): void => void python.dispose();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (isAborted(signal)) throw closing();
    await python.initialise();
  } catch (error) {
    throw isAborted(signal) ? closing() : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Asked anew each time: it changes while hooks run. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function closing(): MxcpError {
  return new MxcpError('server_closing', 'the server was stopped while on_init hooks ran');
}
