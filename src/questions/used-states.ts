import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf, messageOf, MxcpError } from '../errors/index.js';

/** States that are remembered at once. A state is forgotten when it has expired. */
const MAX_REMEMBERED = 100_000;
/** How often files of expired states are removed. */
const SWEEP_INTERVAL_MS = 60_000;
/** Another replica, whose clock is behind, may still accept a state that has expired here. */
const CLOCK_TOLERANCE_MS = 60 * 60_000;
const MARKER = /^(\d{1,15})-[0-9a-f]{32}$/;

/** A state that was sealed by this server or by another replica. */
export interface StateIdentity {
  /** 16 bytes in hexadecimal digits. */
  readonly nonce: string;
  readonly expiresAt: number;
}

/**
 * Remembers which states were used, so that each one is used once: in memory, and where replicas share a folder, by a file in it that only
 * one of them can create. The server owns it as long as the process.
 */
export class UsedStates {
  readonly #used = new Map<string, number>();
  /** Those that came with an answer, also where the call failed before it used them up. */
  readonly #tried = new Map<string, number>();
  readonly #onWarning: (message: string) => void;
  readonly #maxRemembered: number;
  #sweptAt = 0;

  constructor(onWarning: (message: string) => void, maxRemembered = MAX_REMEMBERED) {
    this.#onWarning = onWarning;
    this.#maxRemembered = maxRemembered;
  }

  isUsed({ nonce }: StateIdentity): boolean {
    return this.#used.has(nonce);
  }

  /** Whether the state comes with an answer for the first time here, as far as that can be remembered. */
  isFirstTry({ nonce, expiresAt }: StateIdentity): boolean {
    forgetExpired(this.#tried);
    if (this.#tried.has(nonce) || this.#tried.size >= this.#maxRemembered) return false;
    this.#tried.set(nonce, expiresAt);
    return true;
  }

  /**
   * Throws `confirmation_used` unless this is the first use, `server_busy` when no further use can be remembered, and
   * `confirmation_store_failed` when the folder cannot be written: a state that may be used twice is not accepted.
   */
  async claim(state: StateIdentity, folder: string | undefined): Promise<void> {
    forgetExpired(this.#used);
    if (this.#used.has(state.nonce)) throw alreadyUsed();
    if (this.#used.size >= this.#maxRemembered)
      throw new MxcpError('server_busy', 'too many questions were answered in the last minutes; try again later', {
        retryAfterSeconds: 60,
      });
    // Before anything is awaited: of two parallel uses, the second one finds this entry.
    this.#used.set(state.nonce, state.expiresAt);
    if (folder === undefined) return;
    await createMarker(folder, state);
    if (Date.now() - this.#sweptAt > SWEEP_INTERVAL_MS) await this.#sweep(folder);
  }

  async #sweep(folder: string): Promise<void> {
    this.#sweptAt = Date.now();
    try {
      const expired = (await readdir(folder)).filter((name) => hasExpired(name, this.#sweptAt - CLOCK_TOLERANCE_MS));
      for (const name of expired) await rm(join(folder, name), { force: true });
    } catch (error) {
      this.#onWarning(`the files of expired confirmations cannot be removed: ${messageOf(error)}`);
    }
  }
}

/** All states have the same lifetime, so the oldest ones come first. */
function forgetExpired(states: Map<string, number>): void {
  const now = Date.now();
  for (const [nonce, expiresAt] of states) {
    if (expiresAt >= now) return;
    states.delete(nonce);
  }
}

function hasExpired(name: string, before: number): boolean {
  const [, expiresAt] = MARKER.exec(name) ?? [];
  return expiresAt !== undefined && Number(expiresAt) < before;
}

/** The file and its entry in the folder are on the disk before the call runs: a crash in between must not make the state usable again. */
async function createMarker(folder: string, { nonce, expiresAt }: StateIdentity): Promise<void> {
  try {
    const marker = await open(join(folder, `${expiresAt}-${nonce}`), 'wx', 0o600);
    await marker.close();
    const entries = await open(folder);
    await entries.sync().finally(() => entries.close());
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') throw alreadyUsed();
    throw storeFailed(folder, error);
  }
}

/** Creates the folder. Throws `confirmation_store_failed` when it cannot be used. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await createProbe(join(folder, `probe-${process.pid}`));
  } catch (error) {
    throw storeFailed(folder, error);
  }
}

async function createProbe(path: string): Promise<void> {
  await rm(path, { force: true });
  const probe = await open(path, 'wx', 0o600);
  await probe.close();
  await rm(path, { force: true });
}

function storeFailed(folder: string, cause: unknown): MxcpError {
  const message = `used confirmations cannot be recorded in ${folder}: ${messageOf(cause)}`;
  return new MxcpError('confirmation_store_failed', 'the confirmation cannot be recorded, so the call was not made', {
    cause,
    logMessage: message,
  });
}

export function alreadyUsed(): MxcpError {
  return new MxcpError('confirmation_used', 'this answer was used already; call again to be asked again');
}
