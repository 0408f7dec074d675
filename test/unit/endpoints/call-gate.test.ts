import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { CallGate, type ReleaseSlot } from '../../../src/lifecycle/call-gate.js';

const never = () => new AbortController().signal;

/** Lets every promise that can settle do so. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('CallGate', () => {
  it('refuses a call when the queue is full, and says when to try again', async () => {
    const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 1 });
    const release = await gate.acquire('a', never());
    const waiting = gate.acquire('b', never());
    await expect(gate.acquire('c', never())).rejects.toMatchObject({ code: 'server_busy', retryAfterSeconds: 1 });
    release();
    (await waiting)();
    expect([gate.activeCalls, gate.queuedCalls]).toEqual([0, 0]);
  });

  it('keeps a slot for others, however many calls of one endpoint wait', async () => {
    const gate = new CallGate({ maxConcurrentCalls: 4, maxQueuedCalls: 100 });
    for (let call = 0; call < 10; call += 1) void gate.acquire('slow', never());
    await settle();
    expect([gate.activeCalls, gate.queuedCalls]).toEqual([3, 7]);
    const release = await gate.acquire('quick', never());
    release();
  });

  it('lets endpoints take turns', async () => {
    const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 100 });
    const order: string[] = [];
    const call = async (key: string) => {
      const release = await gate.acquire(key, never());
      order.push(key);
      await settle();
      release();
    };
    await Promise.all(['a', 'a', 'a', 'b', 'c', 'b'].map(call));
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b']);
  });

  it('lets a call leave the queue', async () => {
    const gate = new CallGate({ maxConcurrentCalls: 1, maxQueuedCalls: 1 });
    const release = await gate.acquire('a', never());
    const caller = new AbortController();
    const waiting = gate.acquire('b', caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(gate.queuedCalls).toBe(0);
    release();
    expect(gate.activeCalls).toBe(0);
  });

  it('gives a slot back once, also when it is released twice', async () => {
    const gate = new CallGate({ maxConcurrentCalls: 2, maxQueuedCalls: 1 });
    const first = await gate.acquire('a', never());
    await gate.acquire('b', never());
    first();
    first();
    expect(gate.activeCalls).toBe(1);
  });

  it('gives the slot of a long call to the next call, up to as many long calls as there are slots', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const gate = new CallGate({ maxConcurrentCalls: 2, maxQueuedCalls: 100 });
      const long = [await gate.acquire('a', never()), await gate.acquire('b', never())];
      let quick: ReleaseSlot | undefined;
      const enterQuick = async () => {
        quick = await gate.acquire('c', never());
      };
      void enterQuick();
      await settle();
      expect([gate.activeCalls, gate.queuedCalls]).toEqual([2, 1]);
      vi.advanceTimersByTime(1_000);
      await settle();
      expect([gate.activeCalls, gate.queuedCalls]).toEqual([3, 0]);
      await gate.acquire('d', never());
      vi.advanceTimersByTime(1_000);
      void gate.acquire('e', never());
      await settle();
      // Two long calls are in the long-call queue, two keep their slots: no other call starts before a long one ends.
      expect([gate.activeCalls, gate.queuedCalls]).toEqual([4, 1]);
      long[0]?.();
      await settle();
      expect([gate.activeCalls, gate.queuedCalls]).toEqual([4, 0]);
      long[1]?.();
      quick?.();
      quick?.();
      expect(gate.activeCalls).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('never exceeds a limit, loses no call and is first-come-first-served within an endpoint', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('call' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), pick: fc.nat() }) },
    );
    const shape = fc.record({ slots: fc.integer({ min: 1, max: 6 }), queue: fc.integer({ min: 0, max: 12 }) });
    await fc.assert(
      fc.asyncProperty(shape, fc.array(step, { maxLength: 80 }), async ({ slots, queue }, steps) => {
        const model = new GateModel(slots, queue);
        for (const each of steps) {
          if (each.do === 'call') model.call(each.key);
          else if (each.do === 'finish') model.finish(each.pick);
          else model.leave(each.pick);
          await settle();
          model.check();
        }
        await model.drain();
      }),
      { numRuns: 150 },
    );
  });
});

interface Call {
  readonly key: string;
  readonly number: number;
  readonly caller: AbortController;
  state: 'waiting' | 'running' | 'refused' | 'left' | 'done';
  release?: ReleaseSlot;
}

/** Drives a gate and keeps its own account of every call. */
class GateModel {
  readonly gate: CallGate;
  readonly slots: number;
  readonly share: number;
  readonly queue: number;
  readonly calls: Call[] = [];
  overtaken = false;

  constructor(slots: number, queue: number) {
    this.gate = new CallGate({ maxConcurrentCalls: slots, maxQueuedCalls: queue });
    this.slots = slots;
    this.queue = queue;
    this.share = Math.max(1, Math.floor((slots * 3) / 4));
  }

  call(key: string): void {
    const call: Call = { key, number: this.calls.length, caller: new AbortController(), state: 'waiting' };
    this.calls.push(call);
    void this.start(call);
  }

  private async start(call: Call): Promise<void> {
    try {
      call.release = await this.gate.acquire(call.key, call.caller.signal);
    } catch {
      if (call.state === 'waiting') call.state = 'refused';
      return;
    }
    const earlier = this.calls.filter(({ key, number }) => key === call.key && number < call.number);
    this.overtaken ||= earlier.some(({ state }) => state === 'waiting');
    call.state = 'running';
  }

  finish(pick: number): void {
    const running = this.in('running');
    const call = running[pick % Math.max(1, running.length)];
    if (call === undefined) return;
    call.state = 'done';
    call.release?.();
  }

  leave(pick: number): void {
    const waiting = this.in('waiting');
    const call = waiting[pick % Math.max(1, waiting.length)];
    if (call === undefined) return;
    call.state = 'left';
    call.caller.abort();
  }

  check(): void {
    const running = this.in('running');
    const waiting = this.in('waiting');
    expect(this.overtaken).toBe(false);
    expect(running.length).toBe(this.gate.activeCalls);
    expect(waiting.length).toBe(this.gate.queuedCalls);
    expect(running.length).toBeLessThanOrEqual(this.slots);
    expect(waiting.length).toBeLessThanOrEqual(this.queue);
    const held = (key: string) => running.filter((call) => call.key === key).length;
    for (const { key } of running) expect(held(key)).toBeLessThanOrEqual(this.share);
    // Work-conserving: no call waits that could run.
    for (const { key } of waiting) expect(running.length === this.slots || held(key) === this.share).toBe(true);
  }

  async drain(): Promise<void> {
    while (this.in('running').length > 0) {
      this.finish(0);
      await settle();
      this.check();
    }
    expect(this.in('waiting')).toEqual([]);
    expect([this.gate.activeCalls, this.gate.queuedCalls]).toEqual([0, 0]);
  }

  in(state: Call['state']): Call[] {
    return this.calls.filter((call) => call.state === state);
  }
}
