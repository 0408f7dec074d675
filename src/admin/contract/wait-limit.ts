/** The longest wait for the end of a reload that the server takes, and what a dry run gets without one. */
export const MAX_WAIT_MS = 10 * 60_000;
