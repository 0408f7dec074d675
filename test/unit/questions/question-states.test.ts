import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { type CallIdentity, digestOf, QuestionsAsked, QuestionStates } from '../../../src/questions/index.js';
import { StateKey } from '../../../src/questions/state-keys.js';
import { UsedStates } from '../../../src/questions/used-states.js';
import { seededRandom } from '../../kit/random.js';

/** `MXCP_TEST_FORGERIES=100000` tries more. */
const FORGERIES = Number(process.env['MXCP_TEST_FORGERIES'] ?? 2000);

const CALL: CallIdentity = { caller: ANONYMOUS, kind: 'tool', name: 'remove', sent: { id: 3, names: ['a', 'b'] } };
const QUESTION = { key: 'k', kind: 'elicitation', params: { message: 'Sure?' }, digest: 'd' } as const;
const SHARED = { keys: ['a'.repeat(40), 'b'.repeat(40)], folder: '/nowhere' };

const withStates = (lifetimeMs = 60_000) => new QuestionStates(lifetimeMs, () => undefined);

function seal(states: QuestionStates, shared: typeof SHARED | undefined = undefined): string {
  return states.seal(new QuestionsAsked([QUESTION]), CALL, { definition: 'x', answers: new Map(), shared }).state;
}

function codeOf(run: () => unknown): unknown {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

describe('a state', () => {
  it('opens for its own call, and says what was asked', () => {
    const states = withStates();
    const opened = states.open(seal(states), CALL, undefined);
    expect(opened).toMatchObject({ definition: 'x', answers: new Map(), pending: new Map([['k', 'd']]) });
    const reordered = { ...CALL, sent: { names: ['a', 'b'], id: 3 } };
    expect(states.open(seal(states), reordered, undefined).definition).toBe('x');
  });

  it('shows nothing of the call, and no two are the same', () => {
    const states = withStates();
    const made = new Set(Array.from({ length: 100 }, () => seal(states)));
    expect(made.size).toBe(100);
    for (const state of made) expect(Buffer.from(state, 'base64').toString('latin1')).not.toMatch(/remove|Sure|nonce/);
  });

  it('that was changed, cut, repeated, or made up, or is of another server, is never accepted', () => {
    const random = seededRandom();
    const pick = (size: number): number => Math.floor(random() * size);
    const states = withStates();
    const foreign = withStates();
    // Some changes change nothing, or take over the whole of another state.
    const sealed = new Set<string>();
    const sealOwn = (): string => {
      const state = seal(states);
      sealed.add(state);
      return state;
    };
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n';
    const letter = (): string => letters[pick(letters.length)] ?? 'A';
    const forgeries: ((state: string) => string)[] = [
      (state) => {
        const at = pick(state.length);
        return state.slice(0, at) + letter() + state.slice(at + 1);
      },
      (state) => state.slice(0, pick(state.length)),
      (state) => state + letter(),
      (state) => letter() + state,
      (state) => state + state,
      (state) => state.slice(0, 12) + Array.from({ length: pick(300) }, letter).join(''),
      (state) => {
        const [a, b] = [pick(state.length), pick(state.length)];
        return state.slice(0, a) + sealOwn().slice(a, b) + state.slice(Math.max(a, b));
      },
      () => seal(foreign),
    ];
    let tried = 0;
    for (let round = 0; tried < FORGERIES; round += 1) {
      const state = sealOwn();
      const forged = forgeries[round % forgeries.length]?.(state) ?? '';
      if (sealed.has(forged)) continue;
      tried += 1;
      expect([forged, codeOf(() => states.open(forged, CALL, undefined))]).toEqual([forged, 'confirmation_invalid']);
    }
  });

  it('belongs to one caller, one endpoint and its arguments', () => {
    const states = withStates();
    const others: CallIdentity[] = [
      { ...CALL, caller: { ...ANONYMOUS, userId: 'ada' } },
      { ...CALL, caller: { ...ANONYMOUS, provider: 'static' } },
      { ...CALL, caller: { ...ANONYMOUS, username: 'ada' } },
      { ...CALL, kind: 'prompt' },
      { ...CALL, name: 'remove_all' },
      { ...CALL, sent: { ...CALL.sent, id: '3' } },
      { ...CALL, sent: { id: 3 } },
      { ...CALL, sent: { ...CALL.sent, names: ['b', 'a'] } },
      { ...CALL, sent: JSON.parse(`{"id":${'['.repeat(5000)}${']'.repeat(5000)}}`) },
    ];
    for (const other of others)
      expect(codeOf(() => states.open(seal(states), other, undefined))).toBe('confirmation_invalid');
  });

  it('expires', () => {
    const states = withStates(-1);
    const opened = states.open(seal(states), CALL, undefined);
    expect(codeOf(() => states.assertUsable(opened))).toBe('confirmation_expired');
  });

  it('is used once, and nothing can be used once too many are remembered', async () => {
    const states = withStates();
    const state = seal(states);
    const opened = states.open(state, CALL, undefined);
    const uses = await Promise.allSettled([1, 2, 3].map(() => states.claim(opened, undefined)));
    expect(uses.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(codeOf(() => states.assertUsable(states.open(state, CALL, undefined)))).toBe('confirmation_used');
    const few = new UsedStates(() => undefined, 2);
    const later = Date.now() + 60_000;
    await few.claim({ nonce: '1', expiresAt: later }, undefined);
    await few.claim({ nonce: '2', expiresAt: later }, undefined);
    await expect(few.claim({ nonce: '3', expiresAt: later }, undefined)).rejects.toMatchObject({ code: 'server_busy' });
    const brief = new UsedStates(() => undefined, 1);
    await brief.claim({ nonce: '1', expiresAt: Date.now() - 1 }, undefined);
    await brief.claim({ nonce: '2', expiresAt: later }, undefined);
  });

  it('has the same id in every round of a call, and another one for another call', () => {
    const states = withStates();
    const first = states.open(seal(states), CALL, undefined);
    const next = { definition: 'x', answers: new Map(), shared: undefined, earlier: first };
    const asked = states.seal(new QuestionsAsked([QUESTION]), CALL, next);
    expect(asked.id).toBe(first.id);
    const second = states.open(asked.state, CALL, undefined);
    expect(second.id).toBe(first.id);
    expect(second.nonce).not.toBe(first.nonce);
    expect(states.open(seal(states), CALL, undefined).id).not.toBe(first.id);
  });

  it('whose contents another version has sealed is refused like any other', () => {
    const [key = ''] = SHARED.keys;
    const foreign = new StateKey(key).seal(JSON.stringify({ version: 2 }));
    expect(codeOf(() => withStates().open(foreign, CALL, SHARED))).toBe('confirmation_invalid');
  });

  it('is sealed with the first key of several, and opens with each', () => {
    const states = withStates();
    const [first = '', second = ''] = SHARED.keys;
    const state = seal(states, SHARED);
    const only = (key: string) => ({ ...SHARED, keys: [key] });
    expect(withStates().open(state, CALL, only(first)).definition).toBe('x');
    expect(withStates().open(state, CALL, { ...SHARED, keys: [second, first] }).definition).toBe('x');
    expect(codeOf(() => withStates().open(state, CALL, only(second)))).toBe('confirmation_invalid');
    expect(codeOf(() => states.open(seal(states), CALL, SHARED))).toBe('confirmation_invalid');
  });

  it('cannot hold answers without end', () => {
    const states = withStates();
    const answers = new Map([['k', { digest: 'd', answer: { text: 'x'.repeat(100_000) } }]]);
    const sealing = () =>
      states.seal(new QuestionsAsked([QUESTION]), CALL, { definition: 'x', answers, shared: undefined });
    expect(codeOf(sealing)).toBe('params_invalid');
  });
});

it('a key opens only what it has sealed itself', () => {
  const [one, other] = [new StateKey('x'.repeat(40)), new StateKey('y'.repeat(40))];
  expect(one.open(one.seal('é'))).toBe('é');
  expect(new StateKey('x'.repeat(40)).open(one.seal(''))).toBe('');
  expect(other.open(one.seal('text'))).toBeUndefined();
  expect(StateKey.random().open(StateKey.random().seal('text'))).toBeUndefined();
  const [, id] = other.seal('').split('.');
  expect(other.open(one.seal('text').replace(/\.[^.]*\./, `.${id}.`))).toBeUndefined();
});

it('digests are the same for the same JSON, and differ for any other', () => {
  expect(digestOf({ a: 1, b: [null, 'x'] })).toBe(digestOf({ b: [null, 'x'], a: 1 }));
  const values = [
    {},
    [],
    null,
    '',
    0,
    false,
    'null',
    '0',
    { a: 1 },
    { a: '1' },
    { a: [1] },
    [1, 2],
    [12],
    [[1], 2],
    { 'a":1,"b': 2 },
    { a: 1, b: 2 },
  ];
  expect(new Set(values.map(digestOf)).size).toBe(values.length);
});
