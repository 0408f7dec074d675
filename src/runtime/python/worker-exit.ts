/** How a worker process ended. */
export type WorkerExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  /** We ended it; the reason completes the sentence "the Python worker …". */
  | { readonly kind: 'ended'; readonly reason: string }
  | { readonly kind: 'not_started'; readonly error: Error };

/** The codes a worker ends itself with; `mxcp_worker/process.py` has the same. */
export const TOO_OLD = 69;
const OWN_CODES: Readonly<Record<number, string>> = {
  70: 'has lost its connection to the server, because code of the project has closed it',
  71: 'has run out of memory or threads',
  72: 'has failed',
};

/** The end of a worker in words that complete the sentence "the Python worker …". */
export function describeExit(exit: WorkerExit): string {
  switch (exit.kind) {
    case 'exited':
      return OWN_CODES[exit.code] ?? `exited with code ${exit.code}`;
    case 'signalled':
      return exit.signal === 'SIGKILL'
        ? 'was killed (SIGKILL), as the system does when memory runs out'
        : `was ended by ${exit.signal}`;
    case 'ended':
      return exit.reason;
    case 'not_started':
      return `could not be started: ${exit.error.message}`;
  }
}
