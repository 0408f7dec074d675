import { Client, StreamableHTTPClientTransport, type Transport, UnauthorizedError } from '@modelcontextprotocol/client';
import type { SigningClient } from './identity/signing-client.js';

/** `today` speaks the current protocol, `session` one of 2025 with a session. */
export type Era = 'today' | 'session';

export const ERAS: readonly Era[] = ['today', 'session'];

export interface ClientOptions {
  readonly era?: Era;
  readonly onToolsChanged?: () => void;
}

/** The official client, connected. The test closes it. */
export async function connectOver(transport: Transport, options: ClientOptions = {}): Promise<Client> {
  const { era = 'today', onToolsChanged } = options;
  const client = new Client(
    { name: 'test', version: '1' },
    {
      versionNegotiation: { mode: era === 'today' ? 'auto' : 'legacy' },
      ...(onToolsChanged !== undefined && { listChanged: { tools: { onChanged: onToolsChanged, debounceMs: 0 } } }),
    },
  );
  await client.connect(transport);
  return client;
}

export function connectTo(url: string, options: ClientOptions = {}): Promise<Client> {
  return connectOver(new StreamableHTTPClientTransport(new URL(url)), options);
}

/** As an application does it: the first attempt leads to the sign-in, the second one works. */
export async function connectSigningIn(url: string, memory: SigningClient, era: Era = 'today'): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: memory });
  try {
    return await connectOver(transport, { era });
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(memory.answer);
    return connectOver(new StreamableHTTPClientTransport(new URL(url), { authProvider: memory }), { era });
  }
}

/** The result of a tool as its text; throws when the call failed in whichever way. */
export async function callText(
  client: Client,
  name: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { content, isError } = await client.callTool({ name, arguments: { ...parameters } });
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  if (isError === true) throw new Error(`${name} failed: ${text}`);
  return text;
}
