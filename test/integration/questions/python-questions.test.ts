import { beforeAll, describe, expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { type Asked, callRaw, askedBy, connectPerson, type Done } from './question-client.js';

const CODE = [
  'import asyncio',
  'from mxcp.runtime import db, mcp, Unsupported',
  'runs = []',
  '',
  'SIZES = {"type": "string", "enum": ["small", "large"], "default": "small"}',
  '',
  'async def order(item: str) -> str:',
  '    runs.append(item)',
  '    name = await mcp.elicit("Who are you?", {"name": {"type": "string", "minLength": 2}})',
  '    if not name.accepted:',
  '        return "no name: " + name.action',
  '    form = {"type": "object", "properties": {"size": SIZES, "count": {"type": "integer", "minimum": 1}}}',
  '    size = await mcp.elicit("Which size?", form)',
  '    return "%s gets %s %s" % (name.content["name"], size.content, item)',
  '',
  'def in_thread() -> str:',
  '    try:',
  '        return mcp.elicit_sync("Really?").action',
  '    except Exception:',
  '        return "caught"',
  '    finally:',
  '        db.execute("SELECT 1")',
  '',
  'async def swallows() -> str:',
  '    try:',
  '        return (await mcp.elicit("Really?")).action',
  '    except BaseException:',
  '        return "swallowed"',
  '',
  'async def both() -> str:',
  '    answers = await asyncio.gather(mcp.elicit("One?", key="one"), mcp.elicit("Two?", key="two"))',
  '    return " ".join(answer.action for answer in answers)',
  '',
  'async def changes() -> str:',
  '    runs.append(1)',
  '    return (await mcp.elicit("Question %d?" % len(runs))).action',
  '',
  'async def nested() -> str:',
  '    await mcp.elicit("Where?", {"place": {"type": "object", "properties": {}}})',
  '    return ""',
  '',
  'async def if_possible() -> str:',
  '    if not mcp.supports("elicitation"):',
  '        return "not asked"',
  '    return (await mcp.elicit("Really?")).action',
  '',
  'async def catches() -> str:',
  '    try:',
  '        return (await mcp.elicit("Really?")).action',
  '    except Unsupported as error:',
  '        return "unsupported: " + error.kind',
];

const NAMES = ['in_thread', 'swallows', 'both', 'changes', 'nested', 'if_possible', 'catches'];

const FILES = {
  'python/code.py': CODE,
  'tools/order.yml': [
    'tool:',
    '  name: order',
    '  language: python',
    '  parameters: [{ name: item, type: string }]',
    '  return: { type: string }',
    '  source: { file: ../python/code.py }',
  ],
  ...Object.fromEntries(
    NAMES.map((name) => [
      `tools/${name}.yml`,
      [
        'tool:',
        `  name: ${name}`,
        '  language: python',
        '  return: { type: string }',
        '  source: { file: ../python/code.py }',
      ],
    ]),
  ),
};

/** One for all tests: a start takes a second. */
let url = '';
beforeAll(async () => {
  const project = new TemporaryProject(FILES);
  const running = await InProcessServer.start(project);
  url = running.url;
  return async () => {
    await running.server.close();
    project[Symbol.dispose]();
  };
});

describe.each(ERAS)('Python code that asks a client of the era "%s"', (era) => {
  it('runs again from its start with the answers so far, which fit the form', async () => {
    const asked: Asked[] = [];
    const client = await connectPerson(url, era, (question) => {
      asked.push(question);
      return { action: 'accept', content: asked.length === 1 ? { name: 'Ada' } : { count: 3 } };
    });
    expect(await callText(client, 'order', { item: 'tea' })).toBe("Ada gets {'size': 'small', 'count': 3} tea");
    expect(asked).toEqual([
      {
        message: 'Who are you?',
        requestedSchema: { type: 'object', properties: { name: { type: 'string', minLength: 2 } }, required: ['name'] },
      },
      {
        message: 'Which size?',
        requestedSchema: {
          type: 'object',
          properties: {
            size: { type: 'string', enum: ['small', 'large'], default: 'small' },
            count: { type: 'integer', minimum: 1 },
          },
        },
      },
    ]);
  });

  it.each(['decline', 'cancel'] as const)('sees that the person did "%s"', async (action) => {
    const client = await connectPerson(url, era, (): Done => ({ action }));
    expect(await callText(client, 'order', { item: 'tea' })).toBe(`no name: ${action}`);
  });

  it('may be sync, may catch what ends it, and may ask several things at once', async () => {
    const client = await connectPerson(
      url,
      era,
      ({ message }): Done => ({ action: message === 'Two?' ? 'decline' : 'accept' }),
    );
    expect(await callText(client, 'in_thread')).toBe('accept');
    expect(await callText(client, 'swallows')).toBe('accept');
    expect(await callText(client, 'both')).toBe('accept decline');
  });

  it('fails when it asks something else than what was answered, or what no form can have', async () => {
    const client = await connectPerson(url, era, (): Done => ({ action: 'accept' }));
    await expect(callText(client, 'changes')).rejects.toThrow('the code asks something else for "question-1"');
    await expect(callText(client, 'nested')).rejects.toThrow('forms have no nested objects');
  });

  it('refuses an answer that does not fit its form', async () => {
    const client = await connectPerson(url, era, (): Done => ({ action: 'accept', content: { name: 'A' } }));
    await expect(callText(client, 'order', { item: 'tea' })).rejects.toThrow(
      'the answer to "question-1" does not fit the question: "name" must have at least 2 characters',
    );
  });

  it('finds out what the client can be asked', async () => {
    const silent = await connectTo(url, { era });
    expect(await callText(silent, 'if_possible')).toBe('not asked');
    expect(await callText(silent, 'catches')).toBe('unsupported: elicitation');
    await expect(callText(silent, 'in_thread')).resolves.toBe('caught');
    await expect(callText(silent, 'order', { item: 'tea' })).rejects.toThrow('cannot be asked (elicitation)');
  });
});

it('answers that nothing asked for count only where the code has named its question', async () => {
  const inputResponses = { one: { action: 'accept' }, two: { action: 'cancel' }, 'question-1': { action: 'accept' } };
  const { result } = await callRaw(url, { tool: 'both', reply: { inputResponses } });
  expect(result.content).toEqual([{ type: 'text', text: 'accept cancel' }]);
  expect((await askedBy(url, { tool: 'swallows', reply: { inputResponses } })).resultType).toBe('input_required');
});
