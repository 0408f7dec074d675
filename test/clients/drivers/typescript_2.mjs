// The official TypeScript client of version 2. Arguments: mode, URL.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { tryEverything } from './attempts.mjs';

const [mode, url] = process.argv.slice(2);
const options = {
  capabilities: { elicitation: {} },
  versionNegotiation: { mode },
  listChanged: { tools: { onChanged: () => (driver.changes += 1), debounceMs: 0 } },
};
const client = new Client({ name: 'typescript', version: '2' }, options);
const meta = mode === 'legacy' ? {} : { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } };
const driver = {
  progress: [],
  logs: [],
  changes: 0,
  tools: async () => (await client.listTools(undefined, { cacheMode: 'refresh' })).tools.map(({ name }) => name),
  resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
  templates: async () => (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
  call: (name, parameters) =>
    client.callTool(
      { name, arguments: parameters, ...meta },
      { onprogress: ({ progress }) => driver.progress.push(progress) },
    ),
  read: async (uri) => (await client.readResource({ uri })).contents[0].text,
  prompt: async (name, parameters) =>
    (await client.getPrompt({ name, arguments: parameters })).messages[0].content.text,
};
client.setRequestHandler('elicitation/create', () => ({
  action: 'accept',
  content: { username: 'blue', email: 'blue@example.com' },
}));
client.setNotificationHandler('notifications/message', (message) => driver.logs.push(message));
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
await tryEverything(driver, client.getNegotiatedProtocolVersion());
await client.close();
