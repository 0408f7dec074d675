import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RouteContract, ROUTES } from '../../../src/contract/index.js';
import { html, prose, toPage } from '../../../src/admin/pages/html.js';
import { createPorts, sendRaw, startTestServer, type TestServer } from '../../integration/admin/admin-fixture.js';
import { json } from './wire-fixture.js';

/** As Chromium and Firefox send it for a page. */
const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const get = (path: string, ...headers: readonly string[]) =>
  sendRaw(server.socketPath, [`GET ${path} HTTP/1.1`, ...headers].join('\n'));

describe('the pages', () => {
  it.each(['/', '/docs'])('%s loads nothing, runs nothing and cannot be framed', async (path) => {
    const { status, headers, text } = await get(path, BROWSER);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    );
    expect(text).not.toMatch(/<script|<link|<img|<iframe|<form|\son\w+=|\sstyle=/i);
    for (const [, target = ''] of text.matchAll(/(?:href|src)="([^"]*)"/g)) expect(target).toMatch(/^[/#]/);
  });

  it.each(['/', '/docs'])('%s answers HEAD with the length of its page', async (path) => {
    const head = await sendRaw(server.socketPath, `HEAD ${path} HTTP/1.1\n${BROWSER}`);
    const page = await get(path, BROWSER);
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(page.headers['content-length']);
  });
});

describe('/', () => {
  it('is JSON for programs and a page for browsers', async () => {
    const index = { service: 'mxcp-admin', docs: '/docs', openapi: '/openapi.json' };
    expect(json(await get('/'))).toMatchObject(index);
    expect(json(await get('/', 'Accept: */*'))).toMatchObject(index);
    expect(json(await get('/', 'Accept: application/json, text/htmlx'))).toMatchObject(index);
    const { text } = await get('/', BROWSER);
    expect(text).toContain('<h1>mxcp: <span class="ok">ok</span></h1>');
    expect(text).toContain('error at 2024-01-15T08:00:00.999Z: the configuration has problems');
    expect(text).toContain(`curl --unix-socket &#39;${server.socketPath}&#39; http://localhost/status`);
  });

  it('links only to what is served', async () => {
    const { text } = await get('/', BROWSER);
    const paths = [...text.matchAll(/href="([^"]*)"/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(4);
    for (const path of paths) expect([path, (await get(path)).status]).toEqual([path, 200]);
  });

  it('shows why a server is degraded, and nothing as HTML that is not', async () => {
    const message = '<script>alert("x")</script> & \'more\'';
    await using degraded = await startTestServer({
      ports: createPorts({
        readiness: {
          ready: () => Promise.resolve({ phase: 'serving', checks: [{ name: 'database', status: 'fail', message }] }),
          startup: () => ({ phase: 'serving', checks: [] }),
        },
      }),
    });
    const { text } = await sendRaw(degraded.socketPath, `GET / HTTP/1.1\n${BROWSER}`);
    expect(text).toContain('<span class="fail">degraded</span>');
    expect(text).toContain('database: &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;more&#39;');
  });

  it('shows a server that is starting', async () => {
    await using starting = await startTestServer({
      ports: createPorts({
        readiness: {
          ready: () => Promise.resolve({ phase: 'starting', checks: [] }),
          startup: () => ({ phase: 'starting', checks: [] }),
        },
      }),
    });
    const { status, text } = await sendRaw(starting.socketPath, `GET / HTTP/1.1\n${BROWSER}`);
    expect([status, text]).toEqual([200, expect.stringContaining('>starting</span>')]);
  });
});

describe('/docs', () => {
  it('has every route, its options and its statuses, from the table', async () => {
    const { text } = await get('/docs');
    for (const [name, route] of Object.entries<RouteContract>(ROUTES)) {
      const [, section = ''] = text.split(`<h2 id="${name}">`);
      const [own = ''] = section.split('<h2');
      expect(own).toContain(`${route.method} ${route.path}</code></h2>`);
      for (const option of Object.keys(route.query.shape)) expect(own).toContain(`<code>${option}</code>`);
      for (const status of Object.keys(route.responses)) expect(own).toContain(`<code>${status}</code>`);
    }
  });

  it('has no link that leads nowhere, and no part without a text', async () => {
    const { text } = await get('/docs');
    const anchors = new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => `#${id}`));
    for (const [, target = ''] of text.matchAll(/href="(#[^"]*)"/g)) expect([...anchors]).toContain(target);
    expect(text).not.toMatch(/undefined|\[object |NaN/);
  });

  it('is the document for a program that asks for JSON', async () => {
    expect(json(await get('/docs', 'Accept: application/json'))).toMatchObject({ openapi: '3.1.0' });
  });
});

describe('templates of HTML', () => {
  it('escape every value that is not HTML', () => {
    expect(html`<p title="${'"'}">${'<b>'}${html`<i>${1}</i>`}${[html`a`, html`b`]}</p>`.text).toBe(
      '<p title="&quot;">&lt;b&gt;<i>1</i>a\nb</p>',
    );
    expect(prose('use `<x>` & more').text).toBe('use <code>&lt;x&gt;</code> &amp; more');
    expect(toPage('<t>', html``)).toContain('<title>&lt;t&gt;</title>');
  });
});
