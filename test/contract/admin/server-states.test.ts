import { describe, expect, it } from 'vitest';
import { AdminApiError } from '../../../src/admin/client/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import { Scrubber } from '../../../src/logging/index.js';
import {
  createPorts,
  failedReload,
  RELOAD_ID,
  sendRaw,
  startTestServer,
} from '../../integration/admin/admin-fixture.js';
import { expectInContract, json, WIRE_FAILED_RECORD } from './wire-fixture.js';

describe('other states of the server', () => {
  it('before the server is ready it is alive, and neither ready nor started', async () => {
    const { status: known } = createPorts();
    const starting = () => {
      throw new MxcpError('server_starting', 'the server has not become ready yet');
    };
    const report = {
      phase: 'starting',
      checks: [{ name: 'database', status: 'fail', message: 'not open yet' }],
    } as const;
    await using early = await startTestServer({
      ports: createPorts({
        readiness: { ready: () => Promise.resolve(report), startup: () => report },
        status: () => ({ ...known(), profile: null, mode: null, generation: 0 }),
        config: starting,
      }),
    });
    expect((await early.client.health()).status).toBe('ok');
    for (const [path, name] of [
      ['/readyz', 'getReadyz'],
      ['/startupz', 'getStartupz'],
    ] as const) {
      const answer = await sendRaw(early.socketPath, `GET ${path} HTTP/1.1`);
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(json(answer)).toEqual({
        error: 'server_starting',
        message: 'the server has not become ready yet',
        status: 'fail',
        checks: [{ name: 'database', status: 'fail', message: 'not open yet' }],
      });
      expectInContract(name, answer);
    }
    const status = await sendRaw(early.socketPath, 'GET /status HTTP/1.1');
    expect(status.status).toBe(200);
    expect(json(status)).toMatchObject({ status: 'starting', profile: null, mode: null, checks: report.checks });
    expectInContract('getStatus', status);
    expect(await early.client.ready()).toMatchObject({ status: 'fail', error: 'server_starting' });
    expect(await early.client.startup()).toMatchObject({ status: 'fail' });
    await expect(early.client.config()).rejects.toMatchObject({ code: 'server_starting', status: 503 });
  });

  it('probes ignore the query options that load balancers add', async () => {
    await using server = await startTestServer();
    for (const path of ['/health?x=1', '/livez?_=1&_=2', '/readyz?a', '/startupz?%']) {
      expect((await sendRaw(server.socketPath, `GET ${path} HTTP/1.1`)).status, path).toBe(200);
    }
  });

  it('a failing check makes the status degraded and the probe not ready', async () => {
    const report = {
      phase: 'serving',
      checks: [
        { name: 'listener', status: 'ok', message: 'listening' },
        { name: 'database', status: 'fail', message: 'does not answer' },
      ],
    } as const;
    await using broken = await startTestServer({
      ports: createPorts({ readiness: { ready: () => Promise.resolve(report), startup: () => report } }),
    });
    expect((await broken.client.status()).status).toBe('degraded');
    expect(await broken.client.ready()).toEqual({
      error: 'not_ready',
      message: 'check "database" failed: does not answer',
      status: 'fail',
      checks: report.checks,
    });
  });

  it('a reload that was waited for and failed answers 500 with its record', async () => {
    await using failing = await startTestServer({
      ports: createPorts({
        reloads: { ...createPorts().reloads, request: () => ({ id: RELOAD_ID, ended: Promise.resolve(failedReload) }) },
      }),
    });
    const answer = await sendRaw(failing.socketPath, 'POST /reload?wait=30s HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(json(answer)).toEqual({
      error: 'reload_failed',
      message:
        'reload failed at stage load, nothing changed: unknown key "extention"; did you mean "extensions"? (/srv/p/mxcp-site.yml:4)',
      reload: WIRE_FAILED_RECORD,
    });
    expectInContract('postReload', answer);
    const thrown = await failing.client.reload({ waitMs: 1000 }).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(AdminApiError);
    expect(thrown).toMatchObject({ code: 'reload_failed', status: 500, reload: WIRE_FAILED_RECORD });
  });

  it('a wait that runs out answers 504 and names the record', async () => {
    await using slow = await startTestServer({
      ports: createPorts({
        reloads: { ...createPorts().reloads, request: () => ({ id: RELOAD_ID, ended: new Promise(() => undefined) }) },
      }),
    });
    const answer = await sendRaw(slow.socketPath, 'POST /reload?wait=20ms HTTP/1.1');
    expect(answer.status).toBe(504);
    expect(answer.headers['location']).toBe(`/reloads/${RELOAD_ID}`);
    expect(json(answer)).toEqual({
      error: 'wait_timeout',
      message: `the reload is still running after 0.02 s; GET /reloads/${RELOAD_ID} shows how it ends`,
    });
    expectInContract('postReload', answer);
    await expect(slow.client.reload({ waitMs: 20 })).rejects.toMatchObject({
      code: 'wait_timeout',
      reloadId: RELOAD_ID,
    });
  });

  it('a server that shuts down refuses a reload with 503', async () => {
    await using closing = await startTestServer({
      ports: createPorts({
        reloads: {
          ...createPorts().reloads,
          request: () => {
            throw new MxcpError('server_closing', 'the server is shutting down', { retryAfterSeconds: 5 });
          },
        },
      }),
    });
    const answer = await sendRaw(closing.socketPath, 'POST /reload HTTP/1.1');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('5');
    expect(json(answer)).toEqual({ error: 'server_closing', message: 'the server is shutting down' });
    expectInContract('postReload', answer);
  });

  it('an unknown failure is 500; its details show in debug mode only', async () => {
    const ports = createPorts({
      config: () => {
        throw new Error('quoted hunter2hunter2');
      },
    });
    await using plain = await startTestServer({ ports });
    const answer = await sendRaw(plain.socketPath, 'GET /config HTTP/1.1');
    expect(answer.status).toBe(500);
    expect(json(answer)).toEqual({ error: 'internal', message: 'internal error; the log has the details' });
    expectInContract('getConfig', answer);

    const scrubber = new Scrubber();
    scrubber.register(['hunter2hunter2']);
    await using debugging = await startTestServer({ ports, debug: true, scrubber });
    const detailed = await sendRaw(debugging.socketPath, 'GET /config HTTP/1.1');
    expect(json(detailed)).toMatchObject({ detail: expect.stringContaining('quoted [secret]') });
  });
});
