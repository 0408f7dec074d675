import { expect } from 'vitest';
import { ROUTES, type RouteContract } from '../../../src/contract/index.js';
import type { RouteName } from '../../../src/contract/index.js';
import type { RawAnswer } from '../../integration/admin/admin-fixture.js';

export function json(answer: RawAnswer): unknown {
  return JSON.parse(answer.text);
}

/** The answer's body is exactly what the table says for this status. */
export function expectInContract(name: RouteName, answer: RawAnswer): void {
  const responses: RouteContract['responses'] = ROUTES[name].responses;
  const parsed = responses[answer.status]?.schema.safeParse(json(answer));
  expect(parsed?.error?.message).toBeUndefined();
  expect(parsed?.success).toBe(true);
  for (const header of responses[answer.status]?.headers ?? [])
    expect(answer.headers).toHaveProperty(header.toLowerCase());
}

/** `succeededReload` of the fixture as it goes over the wire. */
export const WIRE_RECORD = {
  id: '0b9c3f6e-4c86-4b0f-9d3a-6a1a3b1f7a52',
  trigger: 'api',
  status: 'success',
  dry_run: false,
  definitions: false,
  requested_at: '2024-01-15T10:30:00.012Z',
  started_at: '2024-01-15T10:30:00.013Z',
  ended_at: '2024-01-15T10:30:00.046Z',
  duration_ms: 33,
  generation: { from: 1, to: 2 },
  stages: [
    { name: 'load', status: 'success', duration_ms: 4 },
    { name: 'dispose', status: 'skipped', duration_ms: null },
  ],
  references: [
    {
      ref: 'file://token.txt',
      used_by: ['projects.p.profiles.dev.secrets[0]'],
      outcome: 'changed',
      version: '3',
      error: null,
    },
  ],
  database: { action: 'reopened', pause_ms: 1.5, requests_held: 2 },
  requests_draining: 1,
  restart_required: [{ setting: 'transport.http.port', running: 8000, on_disk: null }],
  definitions_changed: ['tools/sales.yml: changed'],
  definitions_refused: [],
  error: null,
  shared_with: ['a1b2c3d4-e5f6-4890-abcd-ef0123456789'],
};

/** `failedReload` of the fixture. */
export const WIRE_FAILED_RECORD = {
  ...WIRE_RECORD,
  status: 'error',
  generation: { from: 1, to: null },
  stages: [{ name: 'load', status: 'error', duration_ms: 1 }],
  references: [],
  database: null,
  restart_required: [],
  definitions_changed: [],
  definitions_refused: [],
  error: {
    code: 'config_invalid',
    message: 'unknown key "extention"; did you mean "extensions"?',
    stage: 'load',
    file: '/srv/p/mxcp-site.yml',
    line: 4,
    column: 1,
  },
  shared_with: [],
};
