import { beforeAll, describe, expect, it } from 'vitest';
import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import { compilePolicies, type EndpointPolicies } from '../../../src/policies/index.js';
import { seededRandom } from '../../kit/random.js';

/** A million take about half a minute. */
const EVALUATIONS = Number(process.env['MXCP_TEST_POLICIES'] ?? 100_000);
const PER_CONDITION = 250;

const parameters = [
  { name: 'amount', type: 'integer', default: null },
  { name: 'rate', type: 'number', default: null },
  { name: 'text', type: 'string', default: null },
  { name: 'tags', type: 'array', items: { type: 'string' } },
  { name: 'place', type: 'object', properties: { zip: { type: 'string' } } },
] as const;
const guarded = { kind: 'tool', parameters, returns: undefined } as const;

interface Values extends Readonly<Record<string, unknown>> {
  readonly amount: number | null;
  readonly rate: number | null;
  readonly text: string | null;
  readonly tags: readonly string[];
  readonly place: { readonly zip?: string };
}

/** What a condition is worth: the model of the language that the rules are compared with. */
type Worth = boolean | 'error';

interface Model {
  readonly text: string;
  readonly worth: (values: Values, caller: Caller) => Worth;
}

/** Conditions of which each fails for some values. */
const ATOMS: readonly Model[] = [
  { text: 'user.role == "admin"', worth: (_, { role }) => role === 'admin' },
  { text: '"read" in user.permissions', worth: (_, { permissions }) => permissions.includes('read') },
  { text: 'user.email == null', worth: (_, { email }) => email === null },
  { text: 'user.email.endsWith("@example.com")', worth: (_, { email }) => email?.endsWith('@example.com') ?? 'error' },
  { text: 'amount > 5', worth: ({ amount }) => (amount === null ? 'error' : amount > 5) },
  {
    text: '10 / amount > 1',
    worth: ({ amount }) => (amount === null || amount === 0 ? 'error' : Math.trunc(10 / amount) > 1),
  },
  { text: 'amount + 9223372036854775800 > 0', worth: ({ amount }) => (amount === null || amount > 7 ? 'error' : true) },
  { text: 'rate * 2.0 >= 1.0', worth: ({ rate }) => (rate === null ? 'error' : rate * 2 >= 1) },
  { text: 'rate == amount', worth: ({ rate, amount }) => rate === amount },
  { text: 'tags[1] == "b"', worth: ({ tags }) => (tags.length < 2 ? 'error' : tags[1] === 'b') },
  { text: 'tags.exists(tag, tag == text)', worth: ({ tags, text }) => tags.some((tag) => tag === text) },
  { text: 'text.matches(tags[0])', worth: ({ text, tags }) => matches(text, tags[0]) },
  { text: 'place.zip == "1"', worth: ({ place }) => (place.zip === undefined ? 'error' : place.zip === '1') },
  { text: 'has(place.zip)', worth: ({ place }) => place.zip !== undefined },
  { text: 'int(text) > 3', worth: ({ text }) => (text === null || !/^\d+$/.test(text) ? 'error' : Number(text) > 3) },
];

function matches(text: string | null, pattern: string | undefined): Worth {
  if (text === null || pattern === undefined || pattern === '(') return 'error';
  return text.includes(pattern);
}

/** `||`, `&&` and `?:` as the language defines them: an error counts only if the rest does not decide. */
function combine(random: () => number, depth: number): Model {
  const inner = (): Model => combine(random, depth - 1);
  const kind = depth === 0 ? 0 : Math.floor(random() * 5);
  const [a, b, c] = [inner, inner, inner].map((make) => (kind === 0 ? undefined : make()));
  if (a === undefined || b === undefined || c === undefined) return pick(random, ATOMS);
  switch (kind) {
    case 1:
      return { text: `(${a.text} && ${b.text})`, worth: (...given) => both(a.worth(...given), b.worth(...given)) };
    case 2:
      return {
        text: `(${a.text} || ${b.text})`,
        worth: (...given) => not(both(not(a.worth(...given)), not(b.worth(...given)))),
      };
    case 3:
      return { text: `!(${a.text})`, worth: (...given) => not(a.worth(...given)) };
    default:
      return {
        text: `(${a.text} ? ${b.text} : ${c.text})`,
        worth: (...given) => {
          const chosen = a.worth(...given);
          if (chosen === 'error') return 'error';
          return (chosen ? b : c).worth(...given);
        },
      };
  }
}

function both(a: Worth, b: Worth): Worth {
  if (a === false || b === false) return false;
  return a === 'error' || b === 'error' ? 'error' : true;
}

function not(worth: Worth): Worth {
  return worth === 'error' ? 'error' : !worth;
}

function pick<T>(random: () => number, all: readonly T[]): T {
  const [first] = all;
  const chosen = all[Math.floor(random() * all.length)] ?? first;
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

function someValues(random: () => number): Values {
  return {
    amount: pick(random, [null, 0, 1, 5, 6, 8, -3]),
    rate: pick(random, [null, 0.25, 0.5, 5, 6]),
    text: pick(random, [null, '', 'a', '4', 'ab']),
    tags: pick(random, [[], ['a'], ['a', 'b'], ['(', 'b', 'x'], ['b', 'a']]),
    place: pick(random, [{}, { zip: '1' }, { zip: '2' }]),
  };
}

function someCaller(random: () => number): Caller {
  return {
    ...ANONYMOUS,
    role: pick(random, ['admin', 'user', 'anonymous']),
    email: pick(random, [null, 'a@example.com', 'b@other.com']),
    permissions: pick(random, [[], ['read'], ['write', 'read']]),
  };
}

const BROKEN = () => {
  throw new Error('injected');
};

/** Values that no call should have, and that rules must not be fooled by. */
const FAULTS: readonly ((values: Values, caller: Caller) => readonly [Readonly<Record<string, unknown>>, Caller])[] = [
  (values, caller) => [Object.defineProperty({ ...values }, 'amount', { enumerable: true, get: BROKEN }), caller],
  (values, caller) => [{ ...values, amount: Symbol('x') }, caller],
  (values, caller) => [{ ...values, tags: [BROKEN] }, caller],
  (values, caller) => [{ ...values, place: new Proxy({}, { ownKeys: BROKEN }) }, caller],
  (values, caller) => [values, Object.defineProperty({ ...caller }, 'permissions', { enumerable: true, get: BROKEN })],
  (values, caller) => [{ ...values, place: nested(20_000) }, caller],
];

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level += 1) value = [value];
  return { zip: value };
}

describe('no error lets a call through', { timeout: 300_000 }, () => {
  let random: () => number;

  beforeAll(() => {
    random = seededRandom();
  });

  async function compile(condition: string): Promise<EndpointPolicies> {
    const rules = { input: [{ condition, action: 'deny' as const }] };
    const { policies, findings } = await compilePolicies(rules, guarded);
    if (policies === undefined) throw new Error(`${condition}: ${JSON.stringify(findings)}`);
    return policies;
  }

  it('whatever rules and values there are', async () => {
    let errors = 0;
    for (let evaluated = 0; evaluated < EVALUATIONS; evaluated += PER_CONDITION) {
      const model = combine(random, 3);
      const policies = await compile(model.text);
      for (let count = 0; count < PER_CONDITION; count += 1) {
        const values = someValues(random);
        const caller = someCaller(random);
        const worth = model.worth(values, caller);
        const { deniedBy } = policies.checkInput(caller, values);
        if (worth === 'error') errors += 1;
        // Compared by hand: `expect` would take most of the time.
        if ((deniedBy !== undefined) === (worth !== false)) continue;
        expect.fail(`${model.text} is ${worth} for ${JSON.stringify([values, caller])}, denied: ${deniedBy?.error}`);
      }
    }
    expect(errors).toBeGreaterThan(EVALUATIONS / 50);
  });

  it('nor values that cannot be read', async () => {
    for (let count = 0; count < EVALUATIONS / 500; count += 1) {
      const policies = await compile(combine(random, 2).text);
      const fault = pick(random, FAULTS);
      const { deniedBy } = policies.checkInput(...swap(fault(someValues(random), someCaller(random))));
      expect(deniedBy?.error).toBeDefined();
    }
  });

  it('nor a condition that takes too long', async () => {
    const policies = await compile('tags.exists(a, tags.exists(b, a == "x" && b == "x"))');
    const tags = Array.from({ length: 10_000 }, (_, index) => `tag ${index}`);
    const { deniedBy } = policies.checkInput(ANONYMOUS, { ...someValues(random), tags });
    expect(deniedBy?.error).toBe('takes more than 100000 steps; look at fewer values');
    const absorbed = await compile('tags.all(a, tags.all(b, a != "x" || b != "x")) && user.role == "other"');
    expect(absorbed.checkInput(ANONYMOUS, { ...someValues(random), tags }).deniedBy).toBeDefined();
    const within = await compile('tags.exists(a, a in tags && a == "x")');
    expect(within.checkInput(ANONYMOUS, { ...someValues(random), tags }).deniedBy?.error).toContain('steps');
  });

  it('and a list hides what would be denied for all arguments, and nothing else', async () => {
    for (let count = 0; count < EVALUATIONS / 500; count += 1) {
      const model = combine(random, 2);
      const policies = await compile(model.text);
      const caller = someCaller(random);
      if (policies.mayCall(caller)) continue;
      for (let other = 0; other < 20; other += 1) {
        const values = someValues(random);
        expect(policies.checkInput(caller, values).deniedBy, `${model.text} ${JSON.stringify(values)}`).toBeDefined();
      }
    }
  });
});

function swap<A, B>([values, caller]: readonly [A, B]): [B, A] {
  return [caller, values];
}
