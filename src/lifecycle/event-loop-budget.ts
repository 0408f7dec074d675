/** How long all synchronous work together may keep one turn of the event loop, in milliseconds. */
const TURN_MS = 1;

/** Everybody who waits for a turn, in order. Shared by the whole process, as the event loop is. */
const waiting: (() => void)[] = [];
let turnStartedAt: number | undefined;

/**
 * Lets long synchronous work share the event loop: ask `isSpent` between small pieces and `renew()` when it says so, or
 * just await `spend()`. All work of the process spends from one budget, and those who renew take turns: twenty large
 * results at once keep a probe waiting no longer than one does.
 */
export class EventLoopBudget {
  get isSpent(): boolean {
    const now = performance.now();
    if (turnStartedAt === undefined) {
      turnStartedAt = now;
      setImmediate(endTurn);
    }
    return now - turnStartedAt >= TURN_MS;
  }

  /** Lets everything else that is ready run first, others who wait for a turn included. */
  renew(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(giveTurn);
    });
  }

  async spend(): Promise<void> {
    if (this.isSpent) await this.renew();
  }
}

function endTurn(): void {
  turnStartedAt = undefined;
}

/** One of those who wait in each turn of the loop: incoming requests are looked at between two of them. */
function giveTurn(): void {
  const next = waiting.shift();
  turnStartedAt = undefined;
  next?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}
