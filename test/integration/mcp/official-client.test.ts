import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { scalarResult } from './sample-calls.js';
import { startListener } from './http-fixture.js';

const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

const MODES = [
  ['auto', '2026-07-28'],
  ['legacy', '2025-11-25'],
] as const;

async function connect(url: string, mode: 'auto' | 'legacy', onToolsChanged?: () => void): Promise<Client> {
  const listChanged =
    onToolsChanged === undefined ? {} : { listChanged: { tools: { onChanged: onToolsChanged, debounceMs: 0 } } };
  const client = new Client({ name: 'official', version: '1' }, { versionNegotiation: { mode }, ...listChanged });
  clients.push(client);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

describe.each(MODES)('the official client, mode %s', (mode, version) => {
  it('negotiates the protocol and learns who it talks to', async () => {
    const { url } = await startListener();
    const client = await connect(url, mode);
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect(client.getServerVersion()).toMatchObject({ name: 'sample', version: '9.8.7' });
  });

  it('lists and calls tools, reads resources and gets prompts', async () => {
    const { url } = await startListener();
    const client = await connect(url, mode);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const result = await client.callTool({ name: 'large', arguments: { rows: 3000 } });
    expect(result.structuredContent).toMatchObject({ result: { length: 3000 } });
    const { contents } = await client.readResource({ uri: 'notes://all' });
    expect(contents).toEqual([{ uri: 'notes://all', mimeType: 'application/json', text: '[1,2]' }]);
    const prompt = await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } });
    expect(prompt.messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Hello Ada' } }]);
  });

  it('cancels a call', async () => {
    const { url, calls } = await startListener();
    const client = await connect(url, mode);
    const cancel = new AbortController();
    const running = client.callTool({ name: 'wait' }, { signal: cancel.signal });
    await vi.waitFor(() => expect(calls.running).toBe(1));
    cancel.abort();
    await expect(running).rejects.toThrow();
    await vi.waitFor(() => expect(calls.cancelled).toBe(1));
  });

  it('is notified when the tools change, and sees the new one', async () => {
    const { url, listener, calls } = await startListener();
    const onChanged = vi.fn();
    const client = await connect(url, mode, onChanged);
    calls.addTool('fresh', async () => scalarResult('new'));
    await vi.waitFor(async () => {
      await listener.notifyListChanged({ tools: true });
      expect(onChanged).toHaveBeenCalled();
    }, 5_000);
    const { structuredContent } = await client.callTool({ name: 'fresh' });
    expect(structuredContent).toEqual({ result: 'new' });
  });
});
