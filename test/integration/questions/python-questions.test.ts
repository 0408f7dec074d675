import { beforeAll, describe, expect, it } from 'vitest';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo, ERAS } from '../../kit/mcp-client.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { type Asked, callRaw, askedBy, connectPerson, type Done } from './question-client.js';

const CODE = [
  'import asyncio, json',
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
  'async def says(text: str) -> str:',
  '    return (await mcp.elicit(text)).action',
  '',
  'async def any_form(form: dict) -> str:',
  '    return json.dumps((await mcp.elicit("Fill it in", form, key="form")).content)',
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
  'tools/says.yml': [
    'tool:',
    '  name: says',
    '  language: python',
    '  parameters: [{ name: text, type: string }]',
    '  return: { type: string }',
    '  source: { file: ../python/code.py }',
  ],
  'tools/any_form.yml': [
    'tool:',
    '  name: any_form',
    '  language: python',
    '  parameters: [{ name: form, type: object }]',
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

it('the text of a question hides nothing', async () => {
  const { inputRequests } = await askedBy(url, { tool: 'says', parameters: { text: 'a\u202eb\u001b[8m\nc' } });
  expect(Object.values(inputRequests)[0]?.params.message).toBe('a\\u202eb\\u001b[8m\nc');
});

it('answers that nothing asked for count only where the code has named its question', async () => {
  const inputResponses = { one: { action: 'accept' }, two: { action: 'cancel' }, 'question-1': { action: 'accept' } };
  const { result } = await callRaw(url, { tool: 'both', reply: { inputResponses } });
  expect(result.content).toEqual([{ type: 'text', text: 'accept cancel' }]);
  expect((await askedBy(url, { tool: 'swallows', reply: { inputResponses } })).resultType).toBe('input_required');
});

const TEXT = { type: 'string' };
const TITLED = [
  { const: '#f00', title: 'Red' },
  { const: '#00f', title: 'Blue' },
];

/** What comes of a form whose fields are these, and which a client has filled in with that. */
async function fillIn(fields: object, content: unknown): Promise<string> {
  const inputResponses = { form: { action: 'accept', content } };
  const { result } = await callRaw(url, { tool: 'any_form', parameters: { form: fields }, reply: { inputResponses } });
  return (result as unknown as { content: readonly { text: string }[] }).content[0]?.text ?? '';
}

it.each([
  [{ a: { ...TEXT, title: 'A', description: 'B', minLength: 2, maxLength: 3 } }, { a: 'ab' }, { a: 'ab' }],
  [{ a: { ...TEXT, format: 'email' } }, { a: 'ada@example.com' }, { a: 'ada@example.com' }],
  [{ a: { ...TEXT, format: 'uri' } }, { a: 'mailto:ada@example.com' }, { a: 'mailto:ada@example.com' }],
  [{ a: { ...TEXT, format: 'date' } }, { a: '2026-02-28' }, { a: '2026-02-28' }],
  [{ a: { ...TEXT, format: 'date-time' } }, { a: '2026-02-28T09:30:00.5Z' }, { a: '2026-02-28T09:30:00.5Z' }],
  [{ a: { ...TEXT, pattern: '^[a-z]+$' } }, { a: 'abc' }, { a: 'abc' }],
  [{ a: { ...TEXT, enum: ['x', 'y'], enumNames: ['X', 'Y'] } }, { a: 'y' }, { a: 'y' }],
  [{ a: { ...TEXT, oneOf: TITLED, default: '#00f' } }, {}, { a: '#00f' }],
  [
    { a: { type: 'array', items: { ...TEXT, enum: ['x', 'y'] }, minItems: 1, maxItems: 2 } },
    { a: ['y'] },
    { a: ['y'] },
  ],
  [{ a: { type: 'array', items: { anyOf: TITLED }, default: ['#f00'] } }, {}, { a: ['#f00'] }],
  [{ a: { type: 'number', minimum: 0.5, maximum: 2, default: 1 }, b: { type: 'integer' } }, { b: 3 }, { a: 1, b: 3 }],
  [{ a: { type: 'boolean', default: true } }, { b: 'of no field' }, { a: true }],
  [{ type: 'object', properties: { a: TEXT }, required: [] }, { a: null }, {}],
])('a form of the kind %j takes %j', async (fields, content, expected) => {
  expect(JSON.parse(await fillIn(fields, content))).toEqual(expected);
});

it.each([
  [{ a: { ...TEXT, maxLength: 3 } }, { a: 'abcd' }, 'must have at most 3 characters'],
  [{ a: { ...TEXT, format: 'email' } }, { a: 'ada' }, 'must be an email address'],
  [{ a: { ...TEXT, format: 'uri' } }, { a: 'http://[' }, 'must be a URI'],
  [{ a: { ...TEXT, format: 'date' } }, { a: '2026-02-30' }, 'must be a date such as 2026-01-31'],
  [
    { a: { ...TEXT, format: 'date-time' } },
    { a: '2026-02-28T09:30:00' },
    'must be a time such as 2026-01-31T09:30:00Z',
  ],
  [{ a: { ...TEXT, pattern: '^[a-z]+$' } }, { a: 'A' }, 'must match ^[a-z]+$'],
  [{ a: { ...TEXT, oneOf: TITLED } }, { a: 'Red' }, 'must be one of #f00, #00f'],
  [{ a: { type: 'array', items: { anyOf: TITLED } } }, { a: ['Red'] }, 'must be a list of #f00, #00f'],
  [{ a: { type: 'array', items: { ...TEXT, enum: ['x'] }, minItems: 1 } }, { a: [] }, 'must have at least 1 items'],
  [{ a: { type: 'number', maximum: 2 } }, { a: 3 }, 'must be at most 2'],
  [{ a: { type: 'integer' } }, { a: true }, 'must be a number'],
  [{ a: { type: 'boolean' } }, { a: 'true' }, 'must be true or false'],
  [{ a: TEXT }, {}, 'is required'],
  [{ a: TEXT }, [], '`content` must be an object'],
])('a form of the kind %j refuses %j', async (fields, content, reason) => {
  expect(await fillIn(fields, content)).toContain(`the answer to "form" does not fit the question`);
  expect(await fillIn(fields, content)).toContain(reason);
});

it.each([
  [{ a: { type: ['string', 'null'] } }, 'must have a `type` of string'],
  [{ a: { ...TEXT, format: ['date'] } }, 'must have a `format` of email, uri, date, date-time'],
  [{ a: { ...TEXT, enum: [] } }, "`enum` of the field 'a' must be a list of texts"],
  [{ a: { ...TEXT, enum: [1] } }, "`enum` of the field 'a' must be a list of texts"],
  [{ a: { ...TEXT, enum: ['x'], enumNames: [] } }, 'must have a text for each value of `enum`'],
  [{ a: { ...TEXT, enum: ['x'], oneOf: TITLED } }, 'has `enum`, `oneOf`; use one of them'],
  [{ a: { ...TEXT, oneOf: [{ const: 'x' }] } }, 'must be a list of dicts with `const` and `title`'],
  [{ a: { type: 'array', items: { oneOf: TITLED } } }, 'needs `items` with an `enum` or `anyOf`'],
  [{ a: { ...TEXT, pattern: '(' } }, "`pattern` of the field 'a' is no regular expression"],
  [{ a: { type: 'number', minimum: '3' } }, "`minimum` of the field 'a' must be a number"],
  [{ a: { ...TEXT, title: 3 } }, "`title` of the field 'a' must be a text"],
  [{ type: 'object', properties: { a: TEXT }, required: 'a' }, '`required` of a form must be a list of names'],
])('no form can be of the kind %j', async (fields, reason) => {
  expect(await fillIn(fields, { a: 'x' })).toContain(reason);
});
