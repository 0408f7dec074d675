import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClientDocuments } from '../../../src/auth/issuer/client-documents.js';
import { isPublicAddress } from '../../../src/auth/issuer/public-fetch.js';
import { IssuerHarness, REDIRECT } from '../../kit/identity/issuer-harness.js';
import { ProviderServer } from '../../kit/identity/provider-server.js';
import { LoopbackServer, type Reply, type SeenRequest, tlsFile } from '../../kit/loopback-server.js';

/** The host of an application that publishes what it is. */
class DocumentServer extends LoopbackServer {
  change: (document: Record<string, unknown>) => unknown = (document) => document;
  headers: Record<string, string> = {};

  constructor() {
    super({ certificate: 'server' });
  }

  get id(): string {
    return `${this.address}/client.json`;
  }

  protected reply({ path }: SeenRequest): Reply {
    if (path !== '/client.json') return { status: 404 };
    const document = { client_id: this.id, client_name: 'Published app', redirect_uris: [REDIRECT] };
    return { status: 200, body: this.change(document), headers: this.headers };
  }
}

const ca = readFileSync(tlsFile('ca'), 'utf8');
const FETCH = { ca, isAllowed: () => true, timeoutMs: 500 };

async function startServer(): Promise<DocumentServer> {
  const server = await new DocumentServer().listen();
  onTestFinished(() => server.stop());
  return server;
}

test('a client that publishes a document needs no registration, and the person sees its host', async () => {
  const documents = await startServer();
  const provider = await new ProviderServer('github', { id: 7, login: 'anna' }).listen();
  onTestFinished(() => provider.stop());
  const harness = await IssuerHarness.open({ provider: 'github', block: () => provider.block, documentFetch: FETCH });
  const { code, verifier, page } = await harness.authorize(documents.id);
  expect(page.text).toContain(`<dt>Published by</dt><dd>${new URL(documents.id).host}</dd>`);
  const tokens = (await (await harness.redeem(documents.id, code, verifier)).json()) as { access_token: string };
  expect(harness.issuer.verify(tokens.access_token).caller.username).toBe('anna');
  expect(documents.requests).toHaveLength(1);
});

describe('a document is refused', () => {
  test.each<[string, DocumentServer['change'], string]>([
    [
      'with another id',
      (document) => ({ ...document, client_id: 'https://other.example.com/client.json' }),
      'another `client_id`',
    ],
    ['with a secret', (document) => ({ ...document, client_secret: 'x' }), 'client_secret'],
    [
      'that asks for a secret',
      (document) => ({ ...document, token_endpoint_auth_method: 'client_secret_post' }),
      'other than `none`',
    ],
    [
      'with a dangerous redirect URI',
      (document) => ({ ...document, redirect_uris: ['javascript:alert(1)'] }),
      'a redirect URI that',
    ],
    ['without redirect URIs', (document) => ({ ...document, redirect_uris: [] }), 'redirect_uris'],
    ['that is large', (document) => ({ ...document, client_uri: 'x'.repeat(70_000) }), 'is larger than 65536 bytes'],
    ['that is a list', () => [], 'is not valid'],
  ])('%s', async (_, change, message) => {
    const server = await startServer();
    server.change = change;
    await expect(new ClientDocuments(Date.now, FETCH).find(server.id)).rejects.toThrow(message);
  });

  test('that the server redirects to', async () => {
    const server = await startServer();
    server.fail({ kind: 'reply', reply: { status: 302, headers: { location: 'https://127.0.0.1/other' } } });
    await expect(new ClientDocuments(Date.now, FETCH).find(server.id)).rejects.toThrow('status 302');
    expect(server.requests).toHaveLength(1);
  });

  test('that does not arrive in time', async () => {
    const server = await startServer();
    server.fail({ kind: 'silent' });
    await expect(new ClientDocuments(Date.now, FETCH).find(server.id)).rejects.toThrow(/abort|time/i);
  });

  test('of a host with another certificate', async () => {
    const server = await startServer();
    await expect(new ClientDocuments(Date.now, { ...FETCH, ca: undefined }).find(server.id)).rejects.toThrow(
      /certificate/,
    );
  });

  test.each([
    ['of this machine by its address', (port: string) => `https://127.0.0.1:${port}/client.json`],
    ['of this machine by its name', (port: string) => `https://localhost:${port}/client.json`],
    ['of this machine by a number', (port: string) => `https://[::ffff:127.0.0.1]:${port}/client.json`],
  ])('%s', async (_, idFor) => {
    const server = await startServer();
    const id = new URL(idFor(new URL(server.address).port)).href;
    const find = new ClientDocuments(Date.now, { ca }).find(id);
    await expect(find).rejects.toThrow('not a public address');
    expect(server.requests).toEqual([]);
  });

  test.each([
    'https://example.com',
    'https://example.com/',
    'https://example.com/a/../b',
    'https://u@example.com/a',
    'https://example.com/a#b',
    'https://EXAMPLE.com/a',
    'https://example.com:443/a',
  ])('whose id is %s', async (id) => {
    await expect(new ClientDocuments(Date.now).find(id)).rejects.toThrow('the client_id');
  });
});

test('a document is fetched once for as long as it says, and a failure for half a minute', async () => {
  const server = await startServer();
  server.headers = { 'cache-control': 'max-age=600' };
  let now = Date.now();
  const documents = new ClientDocuments(() => now, FETCH);
  await Promise.all([documents.find(server.id), documents.find(server.id)]);
  now += 599_000;
  await documents.find(server.id);
  expect(server.requests).toHaveLength(1);
  now += 2_000;
  server.fail({ kind: 'text', status: 500, text: '' }, { times: 1 });
  await expect(documents.find(server.id)).rejects.toThrow('status 500');
  await expect(documents.find(server.id)).rejects.toThrow('status 500');
  expect(server.requests).toHaveLength(2);
  now += 31_000;
  expect((await documents.find(server.id)).name).toBe('Published app');
});

test('only so many documents are fetched in a minute', async () => {
  const documents = new ClientDocuments(() => 0, { ...FETCH, isAllowed: () => false });
  const find = (index: number, from: string) =>
    documents.find(`https://127.0.0.1/${index}`, from).catch((error: Error) => error.message);
  for (let index = 0; index < 20; index += 1) expect(await find(index, '192.0.2.1')).toContain('not a public address');
  // A network does not use up what is there for all.
  expect(await find(20, '192.0.2.1')).toContain('too many client documents');
  for (let index = 20; index < 60; index += 1)
    expect(await find(index, `192.0.2.${index}`)).toContain('not a public address');
  expect(await find(60, '192.0.2.200')).toContain('too many client documents');
});

test.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.31.0.1', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.100.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fe80::1%eth0', false],
  ['fd00::1', false],
  ['::ffff:10.0.0.1', false],
  ['64:ff9b::a00:1', false],
  ['2002:a00:1::', false],
  ['2001:db8::1', false],
  ['example.com', false],
])('%s is a public address: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});
