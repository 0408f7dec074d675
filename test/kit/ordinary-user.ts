/**
 * Root without its capabilities owns the files of the test, and may do no more with them than their mode says. What is out
 * of the bounding set (24: PR_CAPBSET_DROP, linux/prctl.h) is gone with the next `exec`.
 */
const DROP_CAPABILITIES = [
  'import ctypes, os, sys',
  'prctl = ctypes.CDLL(None).prctl',
  'for capability in range(64): prctl(24, capability, 0, 0, 0)',
  'os.execvp(sys.argv[1], sys.argv[1:])',
].join('\n');

/** Only Linux has capabilities: elsewhere root may do everything, and such a test must be run by another user. */
export const canBeOrdinary = process.getuid?.() !== 0 || process.platform === 'linux';

/** What begins a command that runs as a user to whom the mode of a file applies. */
export function ordinaryUserCommand(): readonly string[] {
  return process.getuid?.() === 0 ? ['python3', '-c', DROP_CAPABILITIES] : [];
}

/** Root may read everything, so a test of permissions takes another user's place for a moment. */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
