// The official TypeScript client of version 1. Argument: URL.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { tryEverything } from './attempts.mjs';

const client = new Client({ name: 'typescript', version: '1' }, { capabilities: { elicitation: {} } });
const driver = {
  progress: [],
  logs: [],
  changes: 0,
  tools: async () => (await client.listTools()).tools.map(({ name }) => name),
  resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
  templates: async () => (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
  call: (name, parameters) => {
    const onprogress = ({ progress }) => driver.progress.push(progress);
    return client.callTool({ name, arguments: parameters }, undefined, { onprogress });
  },
  read: async (uri) => (await client.readResource({ uri })).contents[0].text,
  prompt: async (name, parameters) =>
    (await client.getPrompt({ name, arguments: parameters })).messages[0].content.text,
};
client.setRequestHandler(ElicitRequestSchema, () => ({
  action: 'accept',
  content: { username: 'blue', email: 'blue@example.com' },
}));
client.setNotificationHandler(LoggingMessageNotificationSchema, (message) => driver.logs.push(message));
client.setNotificationHandler(ToolListChangedNotificationSchema, () => (driver.changes += 1));
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
await client.connect(transport);
await tryEverything(driver, transport.protocolVersion);
await client.close();
