import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { CallRates, type CallContext } from '../../../src/endpoints/index.js';
import type { MxcpError } from '../../../src/errors/index.js';
import { Disposer } from '../../../src/lifecycle/index.js';
import { anonymous, foldersOf, openProject, problemsOf } from '../../kit/projects/endpoint-project.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const tool = (limit: string) => sqlTool('t', 'SELECT 1 AS one', [`rate_limit: ${limit}`]);

describe('a rate limit of an endpoint', () => {
  let disposer: Disposer;
  beforeEach(() => {
    disposer = new Disposer();
  });
  afterEach(() => disposer.dispose());

  async function open(files: Readonly<Record<string, string | readonly string[]>>) {
    const project = new TemporaryProject(files);
    disposer.defer(() => project[Symbol.dispose]());
    return openProject(foldersOf(project.root), disposer, { rates: new CallRates() });
  }

  const from = (client: string, user: Partial<CallContext['caller']> = {}): CallContext => ({
    ...anonymous(),
    caller: { ...ANONYMOUS, ...user },
    origin: { client },
  });

  it('refuses a caller who has used it, and says when to come again', async () => {
    const { calls } = await open({ 'tools/t.yml': tool('{ calls: 2, per: 1h }') });
    const call = (context: CallContext) => calls.callTool('t', {}, context);
    await call(from('192.0.2.1'));
    await call(from('192.0.2.1'));
    const refused: unknown = await call(from('192.0.2.1')).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'rate_limited',
      message: expect.stringMatching(/^too many calls: tool "t" allows 2 of each caller in 1h; try again in \d+ s$/),
    });
    const { retryAfterSeconds } = refused as MxcpError;
    expect(retryAfterSeconds).toBeGreaterThan(1700);
    expect(retryAfterSeconds).toBeLessThanOrEqual(1800);
    await call(from('192.0.2.2'));
    expect(calls.activeCalls).toBe(0);
  });

  it('knows a caller by the user, and one without a user by the address', async () => {
    const { calls } = await open({ 'tools/t.yml': tool('{ calls: 1, per: 1h, by: caller }') });
    const call = (context: CallContext) => calls.callTool('t', {}, context);
    const ada = { userId: '7', username: 'ada', provider: 'github' };
    await call(from('192.0.2.1', ada));
    await expect(call(from('192.0.2.2', { ...ada, username: 'renamed' }))).rejects.toThrow('too many calls');
    await call(from('192.0.2.1', { ...ada, provider: 'google' }));
    await call(from('192.0.2.1', { username: 'x'.repeat(10_000) }));
    await expect(call(from('192.0.2.1', { username: 'x'.repeat(10_000) }))).rejects.toThrow('too many calls');
    await call(from('192.0.2.1', { username: `${'x'.repeat(10_000)}y` }));
    await call(from('192.0.2.1'));
    await expect(call(from('::ffff:192.0.2.1'))).rejects.toThrow('too many calls');
    await call(from('2001:db8::1'));
    await expect(call(from('2001:db8::2'))).rejects.toThrow('too many calls');
    await call(anonymous());
    await expect(call(anonymous())).rejects.toThrow('too many calls');
  });

  it('by address counts all users of one address, and by all counts everybody', async () => {
    const { calls } = await open({
      'tools/t.yml': tool('{ calls: 1, per: 1h, by: address }'),
      'tools/u.yml': sqlTool('u', 'SELECT 1 AS one', ['rate_limit: { calls: 1, per: 900, by: all }']),
    });
    await calls.callTool('t', {}, from('192.0.2.1', { username: 'ada' }));
    await expect(calls.callTool('t', {}, from('192.0.2.1', { username: 'bob' }))).rejects.toThrow(
      'too many calls: tool "t" allows 1 from each address in 1h; try again in ',
    );
    await calls.callTool('u', {}, from('192.0.2.1'));
    await expect(calls.callTool('u', {}, from('192.0.2.2', { username: 'bob' }))).rejects.toThrow(
      'too many calls: tool "u" allows 1 in 900s; try again in ',
    );
  });

  it('counts all resources of one template together, and prompts', async () => {
    const { calls } = await open({
      'resources/r.yml': [
        'resource:',
        '  uri: "data://{id}"',
        '  parameters: [{ name: id, type: string }]',
        '  rate_limit: { calls: 1, per: 1h }',
        '  source: { code: SELECT $id AS id }',
      ],
      'prompts/p.yml': [
        'prompt:',
        '  name: p',
        '  rate_limit: { calls: 1, per: 1h }',
        '  messages: [{ prompt: hello }]',
      ],
    });
    await calls.readResource('data://a', anonymous());
    await expect(calls.readResource('data://b', anonymous())).rejects.toThrow(
      'too many calls: resource data://{id} allows 1',
    );
    await calls.getPrompt('p', {}, anonymous());
    await expect(calls.getPrompt('p', {}, anonymous())).rejects.toThrow('too many calls: prompt "p" allows 1');
  });

  it('is counted before anything else: wrong arguments use it up too', async () => {
    const { calls } = await open({ 'tools/t.yml': tool('{ calls: 1, per: 1h }') });
    await expect(calls.callTool('t', { x: 1 }, anonymous())).rejects.toMatchObject({ code: 'params_invalid' });
    await expect(calls.callTool('t', { x: 1 }, anonymous())).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('does not concern the owner of the project', async () => {
    const { calls } = await open({ 'tools/t.yml': tool('{ calls: 1, per: 1h }') });
    for (let call = 0; call < 3; call += 1) await calls.callTool('t', {}, { ...anonymous(), isOwner: true });
  });

  it.each([
    ['10', 'write how many calls in which time: `rate_limit: { calls: 10, per: 1m }`'],
    ['{ per: 1m }', '`tool.rate_limit.calls` is missing'],
    ['{ calls: 10 }', '`tool.rate_limit.per` is missing'],
    ['{ calls: 0, per: 1m }', 'must be at least 1'],
    ['{ calls: 1.5, per: 1m }', 'must be a whole number'],
    ['{ calls: 10, per: 500ms }', 'must be a time of at least 1s and at most 596h'],
    ['{ calls: 10, per: soon }', 'must be a time of at least 1s'],
    ['{ calls: 10, per: 1m, by: user }', 'must be one of caller, address, all, not "user"'],
    ['{ requests: 10, per: 1m }', 'unknown key `requests` in `tool.rate_limit`; did you mean `calls`?'],
  ])('of %s is refused with its place', async (limit, expected) => {
    const problems = await problemsOf('tools/t.yml', tool(limit));
    expect(problems.join('\n')).toContain(expected);
    expect(problems.join('\n')).toMatch(/^tools\/t\.yml:\d+:\d+: /);
  });
});

it('completions have a limit of their own for each caller', () => {
  const rates = new CallRates();
  const own = { label: 'prompt "p"', rule: { calls: 1, perMs: 3_600_000, per: '1h', by: 'all' } } as const;
  const generation = { endpoints: { limitOf: () => own } };
  const context = { caller: ANONYMOUS, origin: { client: '192.0.2.1' } };
  const complete = () =>
    rates.count({ kind: 'prompt', name: 'p', operation: 'completion', context }, generation, () => undefined);
  for (let count = 0; count < 600; count += 1) complete();
  expect(complete).toThrow('too many calls: completion of arguments allows 600 of each caller in 1m; try again in 1 s');
  rates.count({ kind: 'prompt', name: 'p', context }, generation, () => undefined);
});
