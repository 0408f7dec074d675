import type { ListChanges } from './listings.js';

export interface SpacedNoticesOptions<T> {
  /** How long clients hear nothing more after a notice. */
  readonly quietMs: number;
  /** Adds a notice to the one that waits, if there is one. */
  readonly merge: (waiting: T | undefined, notice: T) => T;
  readonly send: (notice: T) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Sends the first notice at once, and all that follow soon after it as one. A client reads again what a notice names, so a burst of reloads
 * would cost each of them as many answers. A notice that still waits when the process ends is dropped.
 */
export class SpacedNotices<T> {
  readonly #options: SpacedNoticesOptions<T>;
  #quietUntil = -Infinity;
  #waiting: { readonly notice: T } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SpacedNoticesOptions<T>) {
    this.#options = options;
  }

  announce(notice: T): void {
    const waitMs = this.#quietUntil - performance.now();
    if (this.#waiting === undefined && waitMs <= 0) {
      this.#notify(notice);
      return;
    }
    if (this.#waiting === undefined) this.#timer = setTimeout(() => this.#notifyWaiting(), waitMs).unref();
    this.#waiting = { notice: this.#options.merge(this.#waiting?.notice, notice) };
  }

  /** Drops the notice that waits. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
  }

  #notifyWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#notify(waiting.notice);
  }

  #notify(notice: T): void {
    const { quietMs, send, onFailure } = this.#options;
    this.#quietUntil = performance.now() + quietMs;
    send(notice).catch(onFailure);
  }
}

/** Notifies clients that lists changed, at most twice a second. */
export class ListNotices extends SpacedNotices<ListChanges> {
  constructor(send: (changes: ListChanges) => Promise<void>, onFailure: (error: unknown) => void) {
    super({ quietMs: 500, merge: union, send, onFailure });
  }
}

function union(one: ListChanges | undefined, other: ListChanges): ListChanges {
  if (one === undefined) return other;
  const groups = new Map(one.groups);
  for (const [group, changes] of other.groups ?? []) groups.set(group, unionOfLists(groups.get(group) ?? {}, changes));
  return { ...unionOfLists(one, other), ...(groups.size > 0 && { groups }) };
}

function unionOfLists(one: ListChanges, other: ListChanges): Omit<ListChanges, 'groups'> {
  const either = (list: 'tools' | 'resources' | 'prompts'): boolean => one[list] === true || other[list] === true;
  return { tools: either('tools'), resources: either('resources'), prompts: either('prompts') };
}
