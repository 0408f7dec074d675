import { z } from 'zod';
import { component, count, timestampToSecond } from './component.js';
import { check } from './probe-schemas.js';

const endpointCounts = component(
  'EndpointCounts',
  'How many endpoints MCP clients can call now.',
  z.strictObject({ tools: count, prompts: count, resources: count }),
);

const reloadStatus = component(
  'ReloadStatus',
  'The `last_*` fields are null before the first reload.',
  z.strictObject({
    in_progress: z.boolean(),
    draining: z.boolean(),
    active_requests: count,
    last_reload: timestampToSecond.nullable().describe('When the last reload ended, well or not.'),
    last_reload_status: z.enum(['success', 'error']).nullable(),
    last_reload_error: z.string().nullable().describe('One line.'),
    last_reload_id: z.string().nullable(),
    queued: count,
  }),
);

const background = component(
  'Background',
  'What goes on without being asked. When it fails, the server still serves what it has.',
  z.strictObject({ name: z.string(), status: z.enum(['ok', 'failing']), message: z.string() }),
);

export const status = component(
  'Status',
  'The state of the server. `degraded` means that readiness fails; `checks` say why.',
  z.strictObject({
    status: z.enum(['ok', 'degraded']),
    version: z.string(),
    uptime: z.string().describe('For people, e.g. `2h12m35s`.'),
    uptime_seconds: count,
    pid: z.int(),
    profile: z.string(),
    mode: z.enum(['readwrite', 'readonly']).describe('How the database is really open.'),
    debug: z.boolean(),
    started_at: timestampToSecond,
    generation: count.describe('Number of the runtime that serves now; 1 at start.'),
    endpoints: endpointCounts,
    reload: reloadStatus,
    admin_socket: z.strictObject({
      path: z.string(),
      mode: z.string().describe('Octal, e.g. `0600`.'),
      probe_path: z.string().nullable(),
    }),
    checks: z.array(check),
    background: z.array(background),
  }),
);
