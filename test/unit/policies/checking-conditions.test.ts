import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../../src/policies/index.js';

const parameters = [
  { name: 'region', type: 'string', enum: ['us', 'eu'] },
  { name: 'amount', type: 'integer' },
  { name: 'rate', type: 'number', default: null },
  { name: 'ids', type: 'array', items: { type: 'integer' } },
  { name: 'filter', type: 'object', properties: { zip: { type: 'string' } }, additionalProperties: false },
  { name: 'extra', type: 'object', properties: { note: { type: 'string' } } },
] as const;
const row = {
  type: 'object',
  properties: { id: { type: 'integer' }, email: { type: 'string', sensitive: true } },
  additionalProperties: false,
} as const;
const guarded = { kind: 'tool', parameters, returns: { type: 'array', items: row } } as const;

async function findings(
  direction: 'input' | 'output',
  condition: string,
): Promise<Awaited<ReturnType<typeof compilePolicies>>['findings']> {
  const compiled = await compilePolicies({ [direction]: [{ condition, action: 'deny' }] }, guarded);
  return compiled.findings;
}

async function messages(direction: 'input' | 'output', condition: string): Promise<string[]> {
  const found = await findings(direction, condition);
  return found.map(({ message, isWarning }) => (isWarning ? `warning: ${message}` : message));
}

describe('checking a condition before it is used', () => {
  it.each([
    'user.role != "admin" && amount > 100',
    '!("reports" in user.permissions)',
    'user.email == null || !user.email.endsWith("@example.com")',
    'ids.exists(id, id < 0) || size(ids) > 10',
    'rate != null && rate > 0.5',
    'amount > 1.5 || region in ["us", "eu"]',
    'filter.zip.startsWith("1") || has(filter.zip)',
    'user["role"].matches("^a+$") || matches(user.role, "b")',
    'timestamp("2024-01-01T00:00:00Z") < timestamp(region)',
    'ids.map(id, id * 2).exists(id, id > 3)',
    'ids.filter(id, id > 1).size() > 2 || ids.exists_one(id, id == 1) || ids.all(id, id > 0)',
    'ids[0] == amount',
    'extra.note == "x"',
    'string(amount) == user.username',
    'amount > 10 ? user.role == "admin" : true',
  ])('accepts %s', async (condition) => {
    expect(await messages('input', condition)).toEqual([]);
  });

  it.each([
    'user.role == "guest"',
    'response.exists(row, row.email.contains("@"))',
    'size(response) > 100 && response[0].id == 1',
  ])('accepts %s for an answer', async (condition) => {
    expect(await messages('output', condition)).toEqual([]);
  });

  it.each([
    ['user.role = "admin"', /^the condition cannot be read: .*=/],
    ['', /condition/],
    ['user.rol == "admin"', /"rol" does not exist here; did you mean "role"\?/],
    ['usr.role == "admin"', /"usr" is not known; did you mean "user"\?/],
    ['regoin == "us"', /did you mean "region"/],
    ['response.id == 1', /"response" exists only in output policies/],
    ['amount > "5"', /">" cannot be used on integer and string/],
    ['amount == "5"', /compares integer with string, which are never equal/],
    ['amount * 1.5 > 3.0', /"\*" cannot be used on integer and number; write whole numbers as 2\.0/],
    ['user.permissions == "admin"', /compares array with string/],
    ['user.permissions.contains("admin")', /contains\(\) cannot be used on array and string/],
    ['"admin" in user.role', /"in" cannot be used on string and string/],
    ['1 in user.permissions', /compares integer with string/],
    ['user.role', /must be true or false, but it is of type string/],
    ['amount && region == "us"', /need true or false, not a value of type integer/],
    ['amount ? true : false', /need true or false/],
    ['filter.zap == "1"', /"zap" does not exist here; did you mean "zip"\?/],
    ['ids.zip == "1"', /an array has no "zip"/],
    ['region.zip == "1"', /a value of type string has no "zip"/],
    ['region.exists(x, x == "u")', /needs an array, but is used on a value of type string/],
    ['ids["a"] == 1', /an item of an array is found by its number/],
    ['region.lower() == "us"', /there is no function lower\(\)/],
    ['Foo{a: 1} == 1', /there is no type Foo/],
    ['ids.exists(x, x == y)', /"y" is not known/],
    ['if == 1', /reserved/],
  ])('refuses %s', async (condition, message) => {
    const found = await messages('input', condition);
    expect(found.filter((each) => !each.startsWith('warning')).join('\n')).toMatch(message);
  });

  it.each([
    ['amount > 3', /"amount" is a parameter, which only input policies can read/],
    ['response.emial == "x"', /an array has no "emial"/],
    ['response.exists(row, row.emial == "x")', /"emial" does not exist here; did you mean "email"\?/],
    ['response.id == 1', /an array has no "id"; look at its items/],
  ])('refuses %s for an answer', async (condition, message) => {
    expect((await messages('output', condition)).join('\n')).toMatch(message);
  });

  it.each([
    ['true', 'warning: the condition reads nothing of the call, so it decides the same for every call'],
    ['region == "uss"', 'warning: in the condition, "uss" is none of the values in `enum`; did you mean "us"?'],
    ['region in ["us", "eur"]', 'warning: in the condition, "eur" is none of the values in `enum`; did you mean "eu"?'],
    ['user.role == null', 'warning: the condition compares a value with null that is never null'],
    ['amount == null', 'warning: the condition compares a value with null that is never null'],
    ['has(user.email)', 'warning: in the condition, "email" is always there; compare it with null instead of has()'],
    ['extra.nite == "x"', 'warning: in the condition, "nite" is not declared; did you mean "note"?'],
  ])('warns of %s', async (condition, message) => {
    expect(await messages('input', condition)).toEqual([message]);
  });

  it('says on which line of a condition it found something', async () => {
    const [finding] = await findings('input', 'user.role == "a" ||\n  amount > 5 ||\n  usr.role == "b"\n');
    expect(finding).toMatchObject({ at: ['input', 0, 'condition'], line: 2 });
  });

  it('refuses conditions that are too long to be read', async () => {
    const condition = `${'('.repeat(9000)}true${')'.repeat(9000)}`;
    expect((await messages('input', condition)).join()).toContain('longer than');
    const deep = `${'!'.repeat(9000)}true`;
    expect((await messages('input', deep)).length).toBeGreaterThan(0);
  });
});
