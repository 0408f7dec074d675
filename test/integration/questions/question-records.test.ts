import { mkdirSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type AuditLine, readAuditLines } from '../../kit/audit-lines.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { pythonTool, sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';
import { answerTo, askedBy, callRaw, connectPerson, type Done, startServer } from './question-client.js';

const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', 'profiles: { dev: { audit: { enabled: true } } }'];

const FILES = {
  'mxcp-site.yml': SITE,
  'tools/remove.yml': sqlTool('remove', 'DELETE FROM orders WHERE id = $id RETURNING id', [
    'parameters: [{ name: id, type: integer }]',
    'confirm: "Delete order {{ id }}?"',
    'return: { type: array }',
  ]),
  'tools/remove_anyway.yml': sqlTool('remove_anyway', 'DELETE FROM orders WHERE id = $id', [
    'parameters: [{ name: id, type: integer }]',
    'confirm: { message: "Delete order {{ id }}?", when_unsupported: run }',
  ]),
  'python/code.py': [
    'from mxcp.runtime import mcp',
    'async def order(item: str) -> str:',
    '    name = await mcp.elicit("Who pays?", {"name": {"type": "string"}})',
    '    size = await mcp.elicit("Which size?", {"size": {"type": "string", "enum": ["small", "large"]}})',
    '    return "%s %s" % (name.content["name"], size.content["size"])',
    'async def secret_order(item: str) -> str:',
    '    return (await mcp.elicit("Who pays?", {"name": {"type": "string"}})).action',
  ],
  'tools/order.yml': pythonTool('order', 'python/code.py', [
    'confirm: "Order {{ item }}?"',
    'parameters: [{ name: item, type: string }]',
    'return: { type: string }',
  ]),
  'tools/secret_order.yml': pythonTool('secret_order', 'python/code.py', [
    'parameters: [{ name: item, type: string, sensitive: true }]',
    'return: { type: string }',
  ]),
};

/** One for all tests: a start with Python takes a second. */
let project: TemporaryProject;
let url = '';
beforeAll(async () => {
  project = new TemporaryProject(FILES);
  mkdirSync(project.path('data'));
  await createDatabaseFile(
    project.path('data/db-dev.duckdb'),
    'CREATE TABLE orders AS SELECT range AS id FROM range(20)',
  );
  const running = await InProcessServer.start(project);
  url = running.url;
  return async () => {
    await running.server.close();
    project[Symbol.dispose]();
  };
});

const linesOf = (of: TemporaryProject) => readAuditLines(of.path('audit/logs-dev.jsonl'));

/** What the audit log has more after `work`. */
async function recordedBy(work: () => Promise<unknown>): Promise<readonly AuditLine[]> {
  const { length } = await linesOf(project);
  await work();
  return (await linesOf(project)).slice(length);
}

const idsOf = (lines: readonly AuditLine[]): readonly unknown[] => lines.map((line) => line['question_id']);

/** The one that these records share. */
function idOf(lines: readonly AuditLine[]): unknown {
  const [id, ...others] = new Set(idsOf(lines));
  expect(others).toEqual([]);
  return id;
}

const ID = /^[0-9a-f]{32}$/;
const asked = (text: string, more: object = {}) => ({
  operation_status: 'error',
  error_code: 'input_required',
  error: `the call continues when its client has answered: ${text}`,
  output_data: null,
  answer_data: null,
  ...more,
});

describe.each(ERAS)('the audit log of a client of the era "%s"', (era) => {
  it('has the question and the call that was confirmed', async () => {
    const person = await connectPerson(url, era, () => ({ action: 'accept' }));
    const order = era === 'today' ? 3 : 4;
    const lines = await recordedBy(() => callText(person, 'remove', { id: order }));
    expect(idOf(lines)).toMatch(ID);
    expect(lines).toMatchObject([
      asked(`Delete order ${order}?`, { operation_name: 'remove', input_data: { id: order }, policy_decision: null }),
      {
        operation_name: 'remove',
        operation_status: 'success',
        input_data: { id: order },
        output_data: [{ id: order }],
        answer_data: { 'mxcp.confirm': { action: 'accept' } },
        policies_evaluated: ['confirm'],
        policy_decision: 'allow',
        policy_reason: 'confirmed',
      },
    ]);
  });

  it.each([
    ['decline', 'confirmation_declined', 'declined by the person who was asked'],
    ['cancel', 'confirmation_cancelled', 'the question was closed without an answer'],
  ] as const)('has a question that was answered with "%s"', async (action, code, reason) => {
    const person = await connectPerson(url, era, (): Done => ({ action }));
    const lines = await recordedBy(() => callText(person, 'remove', { id: 1 }).catch(() => undefined));
    expect(lines).toMatchObject([
      asked('Delete order 1?'),
      {
        error_code: code,
        answer_data: { 'mxcp.confirm': { action } },
        policies_evaluated: ['confirm'],
        policy_decision: 'deny',
        policy_reason: reason,
      },
    ]);
  });

  it('has each round of a call, with the values that were entered so far', async () => {
    const person = await connectPerson(url, era, ({ message }): Done => {
      const content = { 'Who pays?': { name: 'Ada' }, 'Which size?': { size: 'small' } }[message];
      return { action: 'accept', ...(content && { content }) };
    });
    const lines = await recordedBy(async () =>
      expect(await callText(person, 'order', { item: 'tea' })).toBe('Ada small'),
    );
    expect(idOf(lines)).toMatch(ID);
    const confirmed = { 'mxcp.confirm': { action: 'accept' } };
    const named = { ...confirmed, 'question-1': { action: 'accept', content: { name: 'Ada' } } };
    expect(lines).toMatchObject([
      asked('Order tea?'),
      asked('Who pays?', { answer_data: confirmed, policy_reason: 'confirmed' }),
      asked('Which size?', { answer_data: named }),
      {
        error_code: null,
        output_data: 'Ada small',
        answer_data: { ...named, 'question-2': { action: 'accept', content: { size: 'small' } } },
      },
    ]);
  });

  it('shows no value that was entered where the endpoint has sensitive ones', async () => {
    const content = { name: 'tea with rum' };
    const person = await connectPerson(url, era, (): Done => ({ action: 'accept', content }));
    const lines = await recordedBy(() => callText(person, 'secret_order', { item: 'tea with rum' }));
    expect(JSON.stringify(lines)).not.toContain('rum');
    expect(lines.at(-1)).toMatchObject({ answer_data: { 'question-1': { action: 'accept', content: '[redacted]' } } });
  });

  it('has no question of a client that cannot be asked', async () => {
    const silent = await connectTo(url, { era });
    const lines = await recordedBy(async () => {
      await callText(silent, 'remove', { id: 1 }).catch(() => undefined);
      await callText(silent, 'remove_anyway', { id: 100 });
    });
    expect(idOf(lines)).toBeNull();
    expect(lines).toMatchObject([
      { error_code: 'confirmation_unsupported', policy_decision: 'deny', answer_data: null },
      { error_code: null, policy_decision: 'warn', policy_reason: 'not confirmed: the client cannot be asked' },
    ]);
    await silent.close();
  });
});

const CALL = { tool: 'remove', parameters: { id: 5 } };

it('what a client agrees to before it was asked is no answer', async () => {
  const inputResponses = { 'mxcp.confirm': { action: 'accept' } };
  const [line] = await recordedBy(() => callRaw(url, { ...CALL, reply: { inputResponses } }));
  expect(line).toMatchObject({ error_code: 'input_required', answer_data: null });
});

it('an answer that comes again, late or for other arguments has its record, which names the question', async () => {
  const lines = await recordedBy(async () => {
    const question = await askedBy(url, CALL);
    await callRaw(url, { ...CALL, reply: answerTo(question) });
    await callRaw(url, { ...CALL, reply: answerTo(question) });
  });
  expect(idOf(lines)).toMatch(ID);
  expect(lines.map((line) => line['error_code'])).toEqual(['input_required', null, 'confirmation_used']);
  const foreign = await recordedBy(async () => {
    const question = await askedBy(url, CALL);
    await callRaw(url, { ...CALL, parameters: { id: 6 }, reply: answerTo(question) });
  });
  // The server cannot know whose answer it is.
  expect(idsOf(foreign)).toEqual([expect.stringMatching(ID), null]);
});

describe('a question without an answer', () => {
  const FEW = { 'mxcp-site.yml': SITE, 'tools/remove.yml': FILES['tools/remove.yml'] };
  const codesOf = async (of: TemporaryProject) =>
    (await linesOf(of)).map((line) => [line['error_code'], line['answer_data']]);

  it('is in the audit log, and so is its end', async () => {
    const { project: own, running } = await startServer(FEW, { flags: { answerTimeout: '50ms' } });
    const client = await connectPerson(running.url, 'session', () => new Promise(() => {}));
    await expect(callText(client, 'remove', { id: 3 })).rejects.toThrow('was not answered within 0.05 s');
    const ended = [
      ['input_required', null],
      ['confirmation_expired', null],
    ];
    expect(await codesOf(own)).toEqual(ended);
    // A client of 2026 may never come back. If it does, it is late.
    const question = await askedBy(running.url, CALL);
    expect(await codesOf(own)).toEqual([...ended, ['input_required', null]]);
    const late = { ...CALL, reply: { ...answerTo(question), inputResponses: {} } };
    await vi.waitFor(async () =>
      expect(JSON.stringify(await callRaw(running.url, late))).toContain('confirmation_expired'),
    );
    const [first, second, third, ...rest] = idsOf(await linesOf(own));
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(new Set(rest)).toEqual(new Set([third]));
  });

  it('is not asked when it cannot be recorded', async () => {
    const { project: own, running } = await startServer(FEW);
    own.remove('audit');
    own.write('audit', 'no folder');
    let hasAsked = false;
    const client = await connectPerson(running.url, 'session', () => {
      hasAsked = true;
      return { action: 'accept' };
    });
    await expect(callText(client, 'remove', { id: 3 })).rejects.toThrow('audit');
    expect(hasAsked).toBe(false);
  });
});
