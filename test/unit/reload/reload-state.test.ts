import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countQueued,
  enqueue,
  finish,
  IDLE,
  isForced,
  requestsOf,
  startNext,
  withdraw,
  type ReloadRequest,
  type ReloadState,
} from '../../../src/reload/reload-runs.js';

let count = 0;

function createRequest(kind: Partial<ReloadRequest> = {}): ReloadRequest {
  count += 1;
  return {
    id: `request-${count}`,
    trigger: 'api',
    dryRun: false,
    definitions: false,
    force: false,
    hasPayload: false,
    requestedAt: new Date(0),
    ...kind,
  };
}

function enqueueAll(state: ReloadState, requests: readonly ReloadRequest[]): ReloadState {
  return requests.reduce((current, request) => enqueue(current, request) ?? current, state);
}

describe('a request', () => {
  test('waits as a run of its own when nothing waits', () => {
    const request = createRequest();
    expect(enqueue(IDLE, request)).toEqual({ running: null, waiting: [{ first: request, others: [] }] });
  });

  test('joins the run that waits', () => {
    const [first, second] = [createRequest(), createRequest()];
    const state = enqueueAll(IDLE, [first, second]);
    expect(state.waiting).toEqual([{ first, others: [second] }]);
    expect(countQueued(state)).toBe(2);
  });

  test('never joins the run that has started, which may have read its files already', () => {
    const [first, second] = [createRequest(), createRequest()];
    const state = enqueueAll(startNext(enqueueAll(IDLE, [first])), [second]);
    expect(state.running?.first).toBe(first);
    expect(state.waiting).toEqual([{ first: second, others: [] }]);
  });

  test.each([
    ['a dry run and a reload', { dryRun: true }, {}],
    ['two dry runs', { dryRun: true }, { dryRun: true }],
    ['a reload with definitions and one without', { definitions: true }, {}],
    ['a forced reload and one that waits', { force: true }, {}],
    ['two forced reloads', { force: true }, { force: true }],
    ['two reloads with a payload', { hasPayload: true }, { hasPayload: true }],
    ['a reload with a payload and one without', {}, { hasPayload: true }],
  ])('does not share when it wants something else: %s', (_, one, other) => {
    expect(enqueueAll(IDLE, [createRequest(one), createRequest(other)]).waiting).toHaveLength(2);
  });

  test('joins past a run that does something else', () => {
    const [reload, dryRun, late] = [createRequest(), createRequest({ dryRun: true }), createRequest()];
    expect(enqueueAll(IDLE, [reload, dryRun, late]).waiting).toEqual([
      { first: reload, others: [late] },
      { first: dryRun, others: [] },
    ]);
  });

  test('is refused when a run answers a thousand already', () => {
    const full = enqueueAll(
      IDLE,
      Array.from({ length: 1000 }, () => createRequest()),
    );
    expect(countQueued(full)).toBe(1000);
    expect(enqueue(full, createRequest())).toBeNull();
  });

  test('is refused as a dry run when twenty of them wait, and still taken as a reload', () => {
    const full = enqueueAll(
      IDLE,
      Array.from({ length: 20 }, () => createRequest({ dryRun: true })),
    );
    expect(enqueue(full, createRequest({ dryRun: true }))).toBeNull();
    expect(enqueue(full, createRequest())?.waiting).toHaveLength(21);
  });
});

describe('the next run', () => {
  test('starts in the order of asking', () => {
    const [first, second] = [createRequest({ dryRun: true }), createRequest()];
    const state = startNext(enqueueAll(IDLE, [first, second]));
    expect(state.running?.first).toBe(first);
    expect(startNext(finish(state)).running?.first).toBe(second);
  });

  test('does not start while one runs', () => {
    const state = startNext(enqueueAll(IDLE, [createRequest({ dryRun: true }), createRequest()]));
    expect(startNext(state)).toBe(state);
  });

  test('does not start when none waits', () => {
    expect(startNext(IDLE)).toBe(IDLE);
  });

  test('leaves those that wait alone when it ends', () => {
    const state = startNext(enqueueAll(IDLE, [createRequest({ dryRun: true }), createRequest()]));
    expect(finish(state)).toEqual({ running: null, waiting: state.waiting });
  });
});

describe('the current run interrupts calls', () => {
  const start = (...kinds: readonly Partial<ReloadRequest>[]): ReloadState =>
    startNext(enqueueAll(IDLE, kinds.map(createRequest)));

  test.each([
    ['when it was asked to', [{ force: true }]],
    ['when one that was asked to waits for it', [{}, { force: true }]],
    ['when others come before the one that was asked to', [{}, { dryRun: true }, { force: true }]],
  ])('%s', (_, kinds) => {
    expect(isForced(start(...kinds))).toBe(true);
  });

  test.each([
    ['when no request has asked for it', [{}, { hasPayload: true }]],
    ['when it is a dry run, whatever waits for it', [{ dryRun: true }, { force: true }]],
  ])('not %s', (_, kinds) => {
    expect(isForced(start(...kinds))).toBe(false);
  });

  test('not when the forced one has ended', () => {
    const state = enqueueAll(start({ force: true }), [createRequest()]);
    expect(isForced(startNext(finish(state)))).toBe(false);
  });
});

test('whatever is asked and withdrawn in whatever order: one runs at a time, each request that was not withdrawn is answered by exactly one run that started after it, dry runs are never shared, and what waits is bounded', () => {
  const kind = fc.record({ dryRun: fc.boolean(), definitions: fc.boolean() });
  const action = fc.oneof(
    { weight: 4, arbitrary: kind },
    fc.constant('start' as const),
    fc.constant('finish' as const),
    { weight: 2, arbitrary: fc.nat({ max: 200 }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      let state = IDLE;
      const taken: string[] = [];
      const answered: string[] = [];
      const withdrawn = new Set<string>();
      const start = (): void => {
        const next = startNext(state);
        if (next !== state && next.running !== null) {
          expect(state.running).toBeNull();
          answered.push(...[next.running.first, ...next.running.others].map(({ id }) => id));
        }
        state = next;
      };
      for (const step of actions) {
        if (step === 'start') start();
        else if (step === 'finish') state = finish(state);
        else if (typeof step === 'number') {
          const id = taken[step % Math.max(1, taken.length)] ?? '';
          const before = state;
          const result = withdraw(state, id);
          const runs = [...(before.running === null ? [] : [before.running]), ...before.waiting];
          const run = runs.find((each) => requestsOf(each).some((request) => request.id === id));
          expect(result?.request.id).toBe(run === undefined ? undefined : id);
          if (result === undefined || run === undefined) continue;
          expect(result.isWanted).toBe(run.others.length > 0);
          expect(result.run).toBe(run === before.running ? 'running' : 'waiting');
          // A running run that no other request wants keeps its only request until it has stopped.
          const isKept = result.run === 'running' && !result.isWanted;
          if (!isKept) withdrawn.add(id);
          state = result.state;
          const left = [...(state.running === null ? [] : [state.running]), ...state.waiting].flatMap(requestsOf);
          expect(left.map((request) => request.id)).toEqual(
            runs.flatMap(requestsOf).flatMap((request) => (request.id === id && !isKept ? [] : [request.id])),
          );
          expect(state.running === null).toBe(before.running === null);
        } else {
          const request = createRequest(step);
          const next = enqueue(state, request);
          if (next !== null) taken.push(request.id);
          expect(next?.running ?? state.running).toBe(state.running);
          state = next ?? state;
        }
        for (const run of state.waiting) if (run.first.dryRun) expect(run.others).toEqual([]);
        expect(state.waiting.length).toBeLessThanOrEqual(22);
      }
      while (state.waiting.length > 0 || state.running !== null) {
        state = finish(state);
        start();
      }
      // A run that had started may have lost some of its requests since.
      expect(new Set(answered).size).toBe(answered.length);
      expect(taken.filter((id) => !withdrawn.has(id) && !answered.includes(id))).toEqual([]);
    }),
  );
});

describe('a request that is withdrawn', () => {
  test('leaves a run that waits for others, which then begins with the next of them', () => {
    const [first, second] = [createRequest(), createRequest()];
    const state = enqueueAll(IDLE, [first, second]);
    expect(withdraw(state, first.id)).toEqual({
      request: first,
      run: 'waiting',
      isWanted: true,
      state: { running: null, waiting: [{ first: second, others: [] }] },
    });
  });

  test('takes a waiting run with it that no other wants', () => {
    const [reload, dryRun] = [createRequest(), createRequest({ dryRun: true })];
    const state = enqueueAll(IDLE, [reload, dryRun]);
    expect(withdraw(state, dryRun.id)?.state.waiting).toEqual([{ first: reload, others: [] }]);
  });

  test('does not change a running run that no other wants', () => {
    const request = createRequest();
    const state = startNext(enqueueAll(IDLE, [request]));
    expect(withdraw(state, request.id)).toEqual({ request, run: 'running', isWanted: false, state });
  });

  test('is not known when it was never taken or has ended', () => {
    expect(withdraw(IDLE, 'unknown')).toBeUndefined();
  });
});
