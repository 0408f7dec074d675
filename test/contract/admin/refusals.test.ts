import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw, startTestServer, type TestServer } from '../../integration/admin/admin-fixture.js';
import { expectInContract, json } from './wire-fixture.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('refusals', () => {
  const refusals: readonly [string, number, string, string][] = [
    ['GET /nothing HTTP/1.1', 404, 'route_not_found', 'no route "/nothing"; GET /openapi.json lists the routes'],
    ['GET /statu HTTP/1.1', 404, 'route_not_found', 'no route "/statu"; did you mean "/status"?'],
    [
      'GET /reloads/unknown HTTP/1.1',
      404,
      'reload_not_found',
      'no reload with this id is remembered; `GET /reloads` and `mxcp admin reloads` list those that are',
    ],
    ['GET /reload HTTP/1.1', 405, 'method_not_allowed', 'this route does not allow GET; use POST'],
    ['DELETE /config HTTP/1.1', 405, 'method_not_allowed', 'this route does not allow DELETE; use GET, HEAD'],
    ['POST /reload?wiat=3 HTTP/1.1', 400, 'bad_request', 'unknown query option "wiat"; did you mean "wait"?'],
    ['GET /config?x=1 HTTP/1.1', 400, 'bad_request', 'unknown query option "x"; this route takes none'],
    ['POST /reload?wait=1&wait=2 HTTP/1.1', 400, 'bad_request', 'query option "wait" is given twice; give it once'],
    [
      'POST /reload?wait=11m HTTP/1.1',
      400,
      'bad_request',
      'query option "wait" must be a time such as 30s or 2m, at most 10m',
    ],
    ['POST /reload?dry_run=maybe HTTP/1.1', 400, 'bad_request', 'query option "dry_run" must be true or false'],
    ['GET /reloads?limit=0 HTTP/1.1', 400, 'bad_request', 'query option "limit" must be a whole number from 1 to 1000'],
    [
      'POST /reload?force=true&dry_run=true HTTP/1.1',
      400,
      'bad_request',
      '`force` and `dry_run` cannot be combined: a dry run has no calls to interrupt',
    ],
    [
      'GET /config HTTP/1.1\nSec-Fetch-Site: cross-site',
      403,
      'forbidden_origin',
      'Sec-Fetch-Site "cross-site" may not use the admin API; use http://localhost and no page of another site',
    ],
    ['POST /reload HTTP/1.1\nContent-Length: 65537', 413, 'body_too_large', 'the body is larger than 64 KiB'],
  ];

  it.each(refusals)('%s → %i %s', async (head, status, error, message) => {
    const answer = await sendRaw(server.socketPath, head);
    expect(json(answer)).toEqual({ error, message });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['x-frame-options']).toBe('DENY');
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  });

  it('405 names the methods that the route has', async () => {
    const get = await sendRaw(server.socketPath, 'PUT /health HTTP/1.1');
    expect(get.headers['allow']).toBe('GET, HEAD');
    expectInContract('getHealth', get);
    const post = await sendRaw(server.socketPath, 'GET /reload HTTP/1.1');
    expect(post.headers['allow']).toBe('POST');
    expectInContract('postReload', post);
  });

  it.each([
    ['', 202],
    ['  ', 202],
    ['{}', 202],
  ])('a body of %j is ignored', async (body, status) => {
    const head = `POST /reload HTTP/1.1\nContent-Length: ${body.length}`;
    expect((await sendRaw(server.socketPath, head, body)).status).toBe(status);
  });

  it.each([
    ['{"force":true}', 'unknown body field "force"; this route takes none'],
    ['{', 'the body is not valid JSON; send a JSON object, or nothing'],
    ['[]', 'the body must be a JSON object, or empty'],
    ['null', 'the body must be a JSON object, or empty'],
  ])('a body of %j is refused', async (body, message) => {
    const head = `POST /reload HTTP/1.1\nContent-Length: ${body.length}`;
    const answer = await sendRaw(server.socketPath, head, body);
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({ error: 'bad_request', message });
  });

  it('the probe socket serves probes and refuses everything else', async () => {
    const asked = async (head: string): Promise<unknown[]> => {
      const answer = await sendRaw(server.probePath, `${head} HTTP/1.1`);
      return [answer.status, (JSON.parse(answer.text || '{}') as { error?: string }).error];
    };
    for (const path of ['/health', '/livez', '/readyz', '/startupz', '/status']) {
      expect(await asked(`GET ${path}`)).toEqual([200, undefined]);
      expect(await asked(`HEAD ${path}`)).toEqual([200, undefined]);
      expect(await asked(`POST ${path}`)).toEqual([403, 'read_only_socket']);
    }
    expect((await sendRaw(server.probePath, 'GET /metrics HTTP/1.1')).status).toBe(200);
    for (const head of ['GET /', 'GET /config', 'GET /endpoints', 'POST /reload', 'GET /reloads', 'GET /openapi.json'])
      expect(await asked(head)).toEqual([403, 'read_only_socket']);
    expect(await asked('GET /reloads/x')).toEqual([403, 'read_only_socket']);
    expect(await asked('GET /nothing')).toEqual([403, 'read_only_socket']);
  });
});
