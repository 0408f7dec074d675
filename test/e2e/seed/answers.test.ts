import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config, Health, Status } from '../../../src/admin/client/index.js';
import { verifies } from '../../contract/seed/requirements.js';
import { ask, createWorkplace, startServer, type ServerProcess, type Workplace } from './running-server.js';

const TO_THE_SECOND = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

let workplace: Workplace;
let server: ServerProcess;

beforeAll(async () => {
  workplace = createWorkplace();
  mkdirSync(join(workplace.project, 'data'));
  server = await startServer(workplace);
});

afterAll(async () => {
  await server.stop();
  workplace.remove();
});

describe('GET /health', () => {
  it(verifies('SEED-HEALTH', 'is 200 and ok'), async () => {
    const { status, body } = await ask<Health>(workplace.socket, '/health');
    expect(status).toBe(200);
    expect(body.status).toBe('ok');
  });

  it(verifies('SEED-HEALTH-TIME', 'reports the time in UTC'), async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const { body } = await ask<Health>(workplace.socket, '/health');
    expect(body.timestamp).toMatch(TO_THE_SECOND);
    expect(Date.parse(body.timestamp)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(body.timestamp)).toBeLessThanOrEqual(Date.now());
  });
});

describe('GET /status', () => {
  const read = async (): Promise<Status> => (await ask<Status>(workplace.socket, '/status')).body;

  it(verifies('SEED-STATUS-STATUS', 'is ok'), async () => {
    expect((await read()).status).toBe('ok');
  });

  it(verifies('SEED-STATUS-VERSION', 'reports the version of the package'), async () => {
    // The package file is ours.
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect((await read()).version).toBe(version);
  });

  it(verifies(['SEED-STATUS-UPTIME', 'SEED-STATUS-UPTIME-SECONDS'], 'reports the uptime twice'), async () => {
    const { uptime, uptime_seconds: seconds } = await read();
    const [, h, m, s] = /^(\d+)h(\d+)m(\d+)s$/.exec(uptime) ?? [];
    expect(Number(h) * 3600 + Number(m) * 60 + Number(s)).toBe(seconds);
    expect(Number.isInteger(seconds)).toBe(true);
  });

  it(verifies('SEED-STATUS-PID', 'reports the process id'), async () => {
    expect((await read()).pid).toBe(server.pid);
  });

  it(verifies('SEED-STATUS-PROFILE', 'reports the profile'), async () => {
    expect((await read()).profile).toBe('production');
  });

  it(verifies('SEED-STATUS-ENDPOINTS', 'counts what is served'), async () => {
    expect((await read()).endpoints).toEqual({ tools: 2, prompts: 1, resources: 1 });
  });

  it(verifies('SEED-STATUS-RELOAD', 'has nothing to say of reloads yet'), async () => {
    expect((await read()).reload).toMatchObject({
      in_progress: false,
      draining: false,
      active_requests: 0,
      last_reload: null,
      last_reload_status: null,
    });
  });

  it(verifies('SEED-STATUS-MODE', 'is readwrite for a database that can be written'), async () => {
    expect((await read()).mode).toBe('readwrite');
  });
});

describe('GET /status of a read-only server in debug mode', () => {
  it(verifies(['SEED-STATUS-MODE', 'SEED-STATUS-DEBUG', 'SEED-STATUS-PROFILE'], 'says so'), async () => {
    expect((await ask<Status>(workplace.socket, '/status')).body.debug).toBe(false);
    const other = createWorkplace();
    const first = await startServer(other);
    await first.stop();
    const second = await startServer(other, { MXCP_DEBUG: '1', MXCP_PROFILE: 'analysts' });
    try {
      const { body } = await ask<Status>(other.socket, '/status');
      expect(body).toMatchObject({ mode: 'readonly', debug: true, profile: 'analysts' });
    } finally {
      await second.stop();
      other.remove();
    }
  });
});

describe('GET /config', () => {
  const read = async (): Promise<Config> => (await ask<Config>(workplace.socket, '/config')).body;

  it(verifies(['SEED-CONFIG-PROJECT', 'SEED-CONFIG-PROFILE'], 'names project and profile'), async () => {
    expect(await read()).toMatchObject({ project: 'my-project', profile: 'production' });
  });

  it(verifies('SEED-CONFIG-DUCKDB', 'names the database and how it is open'), async () => {
    const path = join(workplace.project, 'data', 'mxcp.duckdb');
    expect((await read()).duckdb).toEqual({ path, readonly: false });
  });

  it(verifies('SEED-CONFIG-EXTENSIONS', 'lists extensions'), async () => {
    expect((await read()).extensions).toEqual(['json', 'parquet']);
  });

  it(verifies('SEED-CONFIG-ENDPOINTS', 'lists the names of endpoints'), async () => {
    const { endpoints } = await read();
    expect([...endpoints.tools].sort()).toEqual(['get_user', 'search_users']);
    expect(endpoints.prompts).toEqual(['analyze']);
    expect(endpoints.resources).toEqual(['user://all']);
  });

  it(verifies('SEED-CONFIG-REDACTED', 'shows that there are secrets, and none of them'), async () => {
    const { text, body } = await ask<Config>(workplace.socket, '/config');
    expect(body.references.map(({ ref }) => ref).sort()).toEqual(['${FEED_HOST}', 'file://secrets/feed-token']);
    expect(text).not.toContain('first-feed-token');
    expect(text).not.toContain('feed.example.com');
  });
});
