import { describe, expect, it } from 'vitest';
import { AdminClient, readOwnerFile } from '../../../src/admin/client/index.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { sqlTool } from '../../kit/projects/temporary-project.js';
import { postModern, request } from '../mcp/http-fixture.js';
import { answerTo, askedBy, callRaw, CONFIRM, connectPerson, type Done, startServer } from './question-client.js';

const ID = 'parameters: [{ name: id, type: integer }]';

const FILES = {
  'tools/count_orders.yml': sqlTool('count_orders', 'SELECT count(*) AS n FROM orders', ['return: { type: object }']),
  'tools/remove.yml': sqlTool('remove', 'DELETE FROM orders WHERE id = $id RETURNING id', [
    ID,
    'confirm: "Delete order {{ id }}?"',
    'return: { type: array }',
  ]),
  'tools/remove_from.yml': sqlTool('remove_from', 'DELETE FROM orders WHERE id >= $id', [
    ID,
    'confirm: "Delete {{ rows }} orders from {{ id }} on?"',
  ]),
  'tools/remove_anyway.yml': sqlTool('remove_anyway', 'DELETE FROM orders WHERE id = $id', [
    ID,
    'confirm: { message: "Delete order {{ id }}?", when_unsupported: run }',
  ]),
};

async function start(files = {}) {
  const { project, running } = await startServer({ ...FILES, ...files });
  const { url } = running;
  const counting = await connectTo(url);
  const orders = async (): Promise<number> => Number(JSON.parse(await callText(counting, 'count_orders')).n);
  return { project, running, url, orders };
}

describe.each(ERAS)('a client of the era "%s"', (era) => {
  it('is asked, and the call runs once it is accepted', async () => {
    const { url, orders } = await start();
    const asked: unknown[] = [];
    const client = await connectPerson(url, era, (question) => {
      asked.push(question);
      return { action: 'accept' };
    });
    expect(await callText(client, 'remove', { id: 3 })).toBe('{"id":3}');
    expect(asked).toEqual([{ message: 'Delete order 3?', requestedSchema: { type: 'object', properties: {} } }]);
    expect(await orders()).toBe(9);
  });

  it.each([
    ['decline', 'declined by the person who was asked'],
    ['cancel', 'the question was closed without an answer'],
  ] as const)('ends the call with "%s", and nothing runs', async (action, reason) => {
    const { url, orders, running } = await start();
    const client = await connectPerson(url, era, (): Done => ({ action }));
    await expect(callText(client, 'remove', { id: 3 })).rejects.toThrow(`tool "remove" was not called: ${reason}`);
    expect(await orders()).toBe(10);
    const code = { decline: 'confirmation_declined', cancel: 'confirmation_cancelled' }[action];
    expect(running.logLines.join('')).toMatch(
      new RegExp(`INFO calls: tool "remove" failed: .* code=${code} .*policy=confirm`),
    );
    expect(await running.admin.metricsText()).toContain(`outcome="${code}"} 1`);
  });

  it('sees how many rows would change, without changing any', async () => {
    const { url, orders } = await start();
    const messages: string[] = [];
    const client = await connectPerson(url, era, async ({ message }) => {
      messages.push(`${message} There are ${await orders()}.`);
      return { action: 'accept' };
    });
    await callText(client, 'remove_from', { id: 4 });
    expect(messages).toEqual(['Delete 6 orders from 4 on? There are 10.']);
    expect(await orders()).toBe(4);
  });

  it('is asked again when the number of rows has changed meanwhile', async () => {
    const { url, orders } = await start();
    const other = await connectTo(url);
    const messages: string[] = [];
    const client = await connectPerson(url, era, async ({ message }) => {
      if (messages.push(message) === 1) await callText(other, 'remove_anyway', { id: 9 });
      return { action: 'accept' };
    });
    await callText(client, 'remove_from', { id: 4 });
    expect(messages).toEqual(['Delete 6 orders from 4 on?', 'Delete 5 orders from 4 on?']);
    expect(await orders()).toBe(4);
  });

  it('that cannot ask is refused, or served where the endpoint says so', async () => {
    const { url, orders } = await start();
    const client = await connectTo(url, { era });
    await expect(callText(client, 'remove', { id: 3 })).rejects.toThrow(
      'tool "remove" asks before it runs, and this client cannot be asked',
    );
    expect(await orders()).toBe(10);
    await callText(client, 'remove_anyway', { id: 3 });
    expect(await orders()).toBe(9);
  });
});

it('a client of 2026 that cannot ask learns what it would have to declare', async () => {
  const { url } = await start();
  const { body } = await postModern(url, request('tools/call', { name: 'remove', arguments: { id: 1 } }));
  expect(body.error).toMatchObject({ code: -32_021, data: { requiredCapabilities: { elicitation: {} } } });
});

it('an answer allows one call, however many replies come at once', async () => {
  const { url, orders } = await start();
  const call = { tool: 'remove', parameters: { id: 3 } };
  const reply = answerTo(await askedBy(url, call));
  const bodies = await Promise.all(Array.from({ length: 50 }, () => callRaw(url, { ...call, reply })));
  expect(bodies.filter(({ error }) => error === undefined)).toHaveLength(1);
  expect(new Set(bodies.flatMap(({ error }) => error?.data ?? []).map((data) => JSON.stringify(data)))).toEqual(
    new Set(['{"code":"confirmation_used"}']),
  );
  expect(await orders()).toBe(9);
});

it('an answer is worth nothing for other arguments, another endpoint or without its state', async () => {
  const { url, orders } = await start();
  const reply = answerTo(await askedBy(url, { tool: 'remove', parameters: { id: 3 } }));
  const foreign = [
    { tool: 'remove', parameters: { id: 4 }, reply },
    { tool: 'remove_anyway', parameters: { id: 3 }, reply },
    { tool: 'count_orders', reply },
  ];
  for (const call of foreign)
    expect((await callRaw(url, call)).error).toMatchObject({ code: -32_602, data: { code: 'confirmation_invalid' } });
  const unasked = { tool: 'remove', parameters: { id: 3 }, reply: { inputResponses: reply.inputResponses ?? {} } };
  expect(await askedBy(url, unasked)).toMatchObject({ resultType: 'input_required' });
  const empty = { ...unasked, reply: { requestState: reply.requestState ?? '', inputResponses: {} } };
  expect(await askedBy(url, empty)).toMatchObject({ resultType: 'input_required' });
  expect(await orders()).toBe(10);
});

it('a reload changes nothing for a question, unless the endpoint has changed', async () => {
  const { project, running, url, orders } = await start();
  const call = { tool: 'remove', parameters: { id: 3 } };
  const [before, later] = [await askedBy(url, call), await askedBy(url, call)];
  await running.admin.reload({ waitMs: 20_000, definitions: true });
  expect((await callRaw(url, { ...call, reply: answerTo(before) })).error).toBeUndefined();
  expect(await orders()).toBe(9);
  project.write(
    'tools/remove.yml',
    sqlTool('remove', 'DELETE FROM orders WHERE id >= $id', [ID, 'confirm: "Delete order {{ id }}?"']),
  );
  await running.admin.reload({ waitMs: 20_000, definitions: true });
  const { error } = await callRaw(url, { ...call, reply: answerTo(later) });
  expect(error).toMatchObject({ data: { code: 'confirmation_outdated' } });
  expect(await orders()).toBe(9);
});

it('a prompt and a resource ask as well', async () => {
  const { url } = await start({
    'prompts/p.yml': ['prompt:', '  name: p', '  confirm: Share it?', '  messages: [{ role: user, prompt: hello }]'],
    'resources/r.yml': ['resource:', '  uri: data://r', '  confirm: Read it?', '  source: { code: SELECT 1 AS one }'],
  });
  const client = await connectPerson(url, 'today', () => ({ action: 'accept' }));
  expect((await client.getPrompt({ name: 'p' })).messages).toHaveLength(1);
  expect((await client.readResource({ uri: 'data://r' })).contents).toHaveLength(1);
  const refusing = await connectPerson(url, 'session', () => ({ action: 'decline' }));
  await expect(refusing.getPrompt({ name: 'p' })).rejects.toThrow('prompt "p" was not called');
  await expect(refusing.readResource({ uri: 'data://r' })).rejects.toThrow('declined');
});

it('a rate limit counts a call with its question once, and every reply that is not valid', async () => {
  const { url } = await start({
    'tools/remove.yml': sqlTool('remove', 'SELECT $id', [ID, 'confirm: "Sure?"', 'rate_limit: { calls: 2, per: 1h }']),
  });
  const call = { tool: 'remove', parameters: { id: 3 } };
  const question = await askedBy(url, call);
  expect((await callRaw(url, { ...call, reply: answerTo(question) })).error).toBeUndefined();
  const forged = { requestState: `${question.requestState}x`, inputResponses: { [CONFIRM]: { action: 'accept' } } };
  expect((await callRaw(url, { ...call, reply: forged })).error).toMatchObject({
    data: { code: 'confirmation_invalid' },
  });
  expect(JSON.stringify(await callRaw(url, { ...call, reply: forged }))).toContain('too many calls');
});

it('a rate limit counts every reply without an answer, which makes the question anew', async () => {
  const { url } = await start({
    'tools/remove.yml': sqlTool('remove', 'SELECT $id', [ID, 'confirm: "Sure?"', 'rate_limit: { calls: 3, per: 1h }']),
  });
  const call = { tool: 'remove', parameters: { id: 3 } };
  const question = await askedBy(url, call);
  const empty = { requestState: question.requestState, inputResponses: {} };
  await askedBy(url, { ...call, reply: empty });
  await askedBy(url, { ...call, reply: empty });
  expect(JSON.stringify(await callRaw(url, { ...call, reply: empty }))).toContain('too many calls');
  expect((await callRaw(url, { ...call, reply: answerTo(question) })).error).toBeUndefined();
});

it('a rate limit counts every further attempt with an answer that was not used up', async () => {
  const policies = [ID, 'confirm: "Sure?"', 'rate_limit: { calls: 2, per: 1h }'];
  const { url, project, running } = await start({ 'tools/remove.yml': sqlTool('remove', 'SELECT $id', policies) });
  const call = { tool: 'remove', parameters: { id: 3 } };
  const outdated = { ...call, reply: answerTo(await askedBy(url, call)) };
  project.write('tools/remove.yml', sqlTool('remove', 'SELECT $id + 1', policies));
  await running.admin.reload({ waitMs: 20_000, definitions: true });
  const answers = [await callRaw(url, outdated), await callRaw(url, outdated), await callRaw(url, outdated)];
  expect(answers.map((answer) => /confirmation_outdated|too many calls/.exec(JSON.stringify(answer))?.[0])).toEqual([
    'confirmation_outdated',
    'confirmation_outdated',
    'too many calls',
  ]);
});

it('a value cannot hide what the question says', async () => {
  const { url } = await start({
    'tools/pay.yml': sqlTool('pay', 'SELECT $to', [
      'parameters: [{ name: to, type: string }]',
      'confirm: "Pay {{ to }} 100?"',
    ]),
  });
  const { inputRequests } = await askedBy(url, { tool: 'pay', parameters: { to: 'Ada\u001b[8m\u202e\nMallory' } });
  expect(inputRequests[CONFIRM]?.params.message).toBe('Pay Ada\\u001b[8m\\u202e\nMallory 100?');
});

describe('a prompt that holds resources that ask', () => {
  const FILES_OF_PROMPT = {
    'prompts/p.yml': [
      'prompt:',
      '  name: p',
      '  parameters: [{ name: b, type: string, default: two }]',
      '  messages:',
      '    - { type: resource, uri: "data://orders/one" }',
      '    - { type: resource, uri: "data://orders/{{ b }}" }',
      '    - { type: resource, uri: "data://orders/one" }',
    ],
    'resources/r.yml': [
      'resource:',
      '  uri: data://orders/{id}',
      '  parameters: [{ name: id, type: string }]',
      '  confirm: "Show {{ id }}?"',
      '  source: { code: SELECT $id AS id }',
    ],
  };

  it.each(ERAS)('asks for each of them once, before anything is shown (%s)', async (era) => {
    const { url, project } = await start(FILES_OF_PROMPT);
    const asked: string[] = [];
    let last: Done['action'] = 'accept';
    const client = await connectPerson(url, era, ({ message }) => {
      asked.push(message);
      return { action: message === 'Show two?' ? last : 'accept' };
    });
    const { messages } = await client.getPrompt({ name: 'p' });
    expect(asked).toEqual(['Show one?', 'Show two?']);
    expect(messages.map(({ content }) => JSON.stringify(content))).toEqual([
      expect.stringContaining('one'),
      expect.stringContaining('two'),
      expect.stringContaining('one'),
    ]);
    last = 'decline';
    await expect(client.getPrompt({ name: 'p' })).rejects.toThrow(
      'resource data://orders/{id} was not called: declined by the person who was asked',
    );
    const silent = await connectTo(url, { era });
    await expect(silent.getPrompt({ name: 'p' })).rejects.toThrow('this client cannot be asked');
    // The owner of the project is asked nothing.
    const token = readOwnerFile(project.path('data/db-dev.duckdb'))?.token ?? '';
    const owner = new AdminClient({ socketPath: project.socketPath, token });
    expect(JSON.stringify(await owner.run({ type: 'prompt', name: 'p' }))).toContain('two');
    await silent.close();
  });

  it('shows one that need not be asked for to clients that cannot ask', async () => {
    const [first = '', ...rest] = FILES_OF_PROMPT['resources/r.yml'];
    const lines = [first, ...rest].map((line) =>
      line.replace('"Show {{ id }}?"', '{ message: "Show {{ id }}?", when_unsupported: run }'),
    );
    const { url } = await start({ ...FILES_OF_PROMPT, 'resources/r.yml': lines });
    const silent = await connectTo(url);
    expect((await silent.getPrompt({ name: 'p' })).messages).toHaveLength(3);
    await silent.close();
  });
});
