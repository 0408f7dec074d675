import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { CLIENT_PROJECT } from '../../kit/projects/client-project.js';

let project: TemporaryProject;
let server: ChildServer;
beforeAll(async () => {
  project = new TemporaryProject(CLIENT_PROJECT);
  server = await ChildServer.start(project);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  project[Symbol.dispose]();
});

async function curl(url: string, method: string, params: object): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const { stdout } = await promisify(execFile)('curl', ['-sS', '--json', body, url]);
  return JSON.parse(stdout);
}

const INITIALIZE = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'curl', version: '1' } };

const REQUESTS = [
  ['initialize', INITIALIZE, { protocolVersion: '2025-06-18', serverInfo: { name: 'shop' } }],
  ['tools/list', {}, { tools: [{ name: 'add' }, { name: 'rows' }] }],
  ['tools/call', { name: 'add', arguments: { a: 40 } }, { structuredContent: { result: 42 } }],
  ['resources/list', {}, { resources: [{ uri: 'notes://all' }] }],
  ['resources/read', { uri: 'notes://7' }, { contents: [{ text: '[{"id":"7"}]' }] }],
  ['prompts/get', { name: 'greet', arguments: { who: 'you' } }, { messages: [{ content: { text: 'Hello you' } }] }],
] as const;

describe.each(['', '/'])('plain curl, at /mcp%s', (end) => {
  it.each(REQUESTS)('%s', async (method, params, result) => {
    expect(await curl(`${server.url}${end}`, method, params)).toMatchObject({ jsonrpc: '2.0', id: 1, result });
  });
});
