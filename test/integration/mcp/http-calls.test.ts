import { describe, expect, it } from 'vitest';
import { callOf, openSession, post, postModern, request, startListener } from './http-fixture.js';

type Send = (url: string, message: ReturnType<typeof request>) => ReturnType<typeof post>;

const ERAS: readonly (readonly [string, Send, notFoundCode: number])[] = [
  ['2026-07-28', postModern, -32_602],
  ['2025, without a session', post, -32_002],
  ['2025, in a session', async (url, message) => post(url, message, { headers: await openSession(url) }), -32_002],
];

describe.each(ERAS)('over HTTP, protocol %s', (_, send, notFoundCode) => {
  it('answers an object as one text block and as structured content', async () => {
    const { url } = await startListener();
    const { status, body } = await send(url, callOf('echo', { a: [1, 'x'] }));
    expect(status).toBe(200);
    const given = { given: '{"a":[1,"x"]}' };
    expect(body.result.structuredContent).toEqual(given);
    expect(body.result.content).toEqual([{ type: 'text', text: JSON.stringify(given, null, 2) }]);
    expect(body.result.isError).toBeUndefined();
  });

  it('answers an array as one text block per item and under `result`', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('rows'));
    expect(body.result.content).toEqual([
      { type: 'text', text: '{"n":1}' },
      { type: 'text', text: '{"n":2}' },
    ]);
    expect(body.result.structuredContent).toEqual({ result: [{ n: 1 }, { n: 2 }] });
  });

  it('answers an empty array as such', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('nothing'));
    expect(body.result).toMatchObject({ content: [{ type: 'text', text: '[]' }], structuredContent: { result: [] } });
  });

  it('answers a scalar as text and under `result`', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('count'));
    expect(body.result.content).toEqual([{ type: 'text', text: '42' }]);
    expect(body.result.structuredContent).toEqual({ result: 42 });
  });

  it('reports to the model what was wrong with a call', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('rejected'));
    expect(body.result.isError).toBe(true);
    expect(body.result.content).toEqual([
      { type: 'text', text: "Error executing tool rejected: parameter 'n' is not a number" },
    ]);
  });

  it('keeps the text of an unknown error to itself', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('broken'));
    expect(body.result.isError).toBe(true);
    expect(JSON.stringify(body)).not.toContain('hunter2');
    const resource = await send(url, request('resources/read', { uri: 'notes://broken' }));
    expect(resource.body.error.code).toBe(-32603);
    expect(JSON.stringify(resource.body)).not.toContain('hunter2');
  });

  it('refuses an unknown tool, resource and prompt as errors of the protocol', async () => {
    const { url } = await startListener();
    const tool = await send(url, callOf('absent'));
    expect(tool.body.error).toMatchObject({ code: -32602, message: 'Unknown tool: absent' });
    const prompt = await send(url, request('prompts/get', { name: 'absent' }));
    expect(prompt.body.error).toMatchObject({ code: -32602, message: 'Unknown prompt: absent' });
    const resource = await send(url, request('resources/read', { uri: 'notes://absent' }));
    expect(resource.body.error).toEqual({
      code: notFoundCode,
      message: 'Resource not found: notes://absent',
      data: { uri: 'notes://absent' },
    });
  });

  it('says that an endpoint found nothing for its arguments', async () => {
    const { url } = await startListener();
    const tool = await send(url, callOf('missing'));
    expect(tool.body.result).toMatchObject({ isError: true, content: [{ type: 'text', text: 'there is no plane 7' }] });
    const resource = await send(url, request('resources/read', { uri: 'notes://7' }));
    expect(resource.body.error).toEqual({
      code: notFoundCode,
      message: 'there is no note 7',
      data: { uri: 'notes://7' },
    });
    const prompt = await send(url, request('prompts/get', { name: 'greet', arguments: { who: 'unknown' } }));
    expect(prompt.body.error).toMatchObject({ code: -32602, message: 'this name is unknown' });
  });

  it('takes a null for a parameter as left out', async () => {
    const { url } = await startListener();
    const call = await send(url, request('tools/call', { name: 'echo', arguments: null }));
    expect(call.body.result.structuredContent).toEqual({ given: '{}' });
    const bare = JSON.stringify({ ...callOf('count'), params: { name: 'count', _meta: null, arguments: null } });
    expect((await post(url, `\u{feff}${bare}`)).body.result.structuredContent).toEqual({ result: 42 });
    const list = await send(url, request('tools/list', { cursor: null }));
    expect(list.body.result.tools).not.toHaveLength(0);
  });

  it('lists tools, resources, templates and prompts', async () => {
    const { url } = await startListener();
    const tools = await send(url, request('tools/list'));
    expect(tools.body.result.tools[0]).toEqual({
      name: 'echo',
      description: 'Tool echo',
      inputSchema: { type: 'object' },
    });
    const resources = await send(url, request('resources/list'));
    expect(resources.body.result.resources).toEqual([
      { uri: 'notes://all', name: 'notes', mimeType: 'application/json' },
    ]);
    const templates = await send(url, request('resources/templates/list'));
    expect(templates.body.result.resourceTemplates).toEqual([
      { uriTemplate: 'notes://{id}', name: 'note', description: 'One note', _meta: { 'mxcp/tags': ['text'] } },
    ]);
    const prompts = await send(url, request('prompts/list'));
    expect(prompts.body.result.prompts).toEqual([
      { name: 'greet', description: 'Greets', arguments: [{ name: 'who', required: true }] },
    ]);
  });

  it('refuses a cursor that it never gave out', async () => {
    const { url } = await startListener();
    const { body } = await send(url, request('tools/list', { cursor: 'x' }));
    expect(body.error.code).toBe(-32602);
  });

  it.each([
    ['prompts/get', { name: 'greet', arguments: { who: 5 } }, 'arguments.who: expected string, received number'],
    ['prompts/get', {}, 'name: expected string, received undefined'],
    ['resources/read', { uri: 5 }, 'uri: expected string, received number'],
    ['tools/list', { cursor: 5 }, 'cursor: expected string, received number'],
    ['tools/call', { name: 'echo', arguments: [] }, 'arguments: expected record, received array'],
  ])('refuses parameters that do not fit %s as such: %j', async (method, params, problem) => {
    const { url } = await startListener();
    const { body } = await send(url, request(method, params));
    expect(body.error).toEqual({ code: -32602, message: `Invalid params: ${problem}` });
  });

  it('reads a resource and renders a prompt', async () => {
    const { url } = await startListener();
    const resource = await send(url, request('resources/read', { uri: 'notes://all' }));
    expect(resource.body.result.contents).toEqual([
      { uri: 'notes://all', mimeType: 'application/json', text: '[1,2]' },
    ]);
    const prompt = await send(url, request('prompts/get', { name: 'greet', arguments: { who: 'Ada' } }));
    expect(prompt.body.result.description).toBe('Greets');
    expect(prompt.body.result.messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Hello Ada' } }]);
    const wrong = await send(url, request('prompts/get', { name: 'greet' }));
    expect(wrong.body.error).toMatchObject({ code: -32602, message: "parameter 'who' is missing" });
  });

  it('gives a call the headers of its own request', async () => {
    const { url } = await startListener();
    const { body } = await send(url, callOf('headers'));
    expect(body.result.structuredContent['content-type']).toBe('application/json');
    expect(body.result.structuredContent['host']).toMatch(/^127\.0\.0\.1:/);
  });

  it('writes a large result as the same message', async () => {
    const { url } = await startListener();
    const { body, headers } = await send(url, callOf('large', { rows: 5000 }));
    expect(headers.get('content-type')).toBe('application/json');
    const rows = Array.from({ length: 5000 }, (__, n) => ({ n, text: `row ${n} "quoted" ä😀\n` }));
    expect(body.result.structuredContent).toEqual({ result: rows });
    expect(body.result.content).toEqual([{ type: 'text', text: JSON.stringify(rows) }]);
    const object = await send(url, callOf('large_object', { chars: 1_000_000 }));
    const value = { text: '😀"\\'.repeat(250_000) };
    expect(object.body.result.structuredContent).toEqual(value);
    expect(object.body.result.content).toEqual([{ type: 'text', text: JSON.stringify(value, null, 2) }]);
    const resource = await send(url, request('resources/read', { uri: 'notes://large' }));
    expect(resource.body.result.contents[0]?.text).toBe(
      Array.from({ length: 3000 }, (__, line) => `"line" ${line} äöü 😀\n`).join(''),
    );
  });
});
