import { z } from 'zod';
import { check, errorFields, reloadRecord } from './answers.js';
import { component } from './components.js';
import { logLevel } from './log-level.js';
import { type Inside, timestampToMs } from './wire-format.js';

const { trigger, dry_run, definitions, stages, generation, error, duration_ms } = reloadRecord.shape;
const stage = stages.element.shape;
const at = timestampToMs;
const runId = z.string().describe('The first request of the run, under which its stages and its end are reported.');

/** What the data of each event of `GET /events` holds. The documentation and the OpenAPI document list the same names. */
export const EVENTS = {
  'reload.queued': event('ReloadQueued', 'A reload was asked for.', {
    id: runId,
    request_id: z.string().describe('The id that this request got. Several requests may share a run.'),
    trigger,
    dry_run,
    definitions,
  }),
  'reload.stage': event('ReloadStageChanged', 'A stage of a reload began or ended.', {
    id: runId,
    stage: stage.name,
    status: stage.status,
    duration_ms: stage.duration_ms,
  }),
  'reload.ended': event('ReloadEnded', 'A reload ended; `GET /reloads/{id}` has its whole record.', {
    id: runId,
    trigger,
    dry_run,
    status: z.enum(['success', 'error']),
    generation,
    duration_ms,
    error,
  }),
  'call.error': event('CallFailed', 'A call of an MCP client failed.', {
    type: z.enum(['tool', 'resource', 'prompt']),
    name: z.string().nullable().describe('Null if there is no such endpoint.'),
    code: errorFields.error,
    message: z.string().describe('Without values of arguments.'),
    duration_ms: z.number().min(0),
    request: z.string().nullable().describe('The id that the client gave the request.'),
    client: z.string().nullable(),
    user: z.string().nullable().describe('Who called; null for a caller whom nothing has authenticated.'),
    left_out: z
      .int()
      .min(0)
      .describe('Failed calls just before this one that have no event, because there were too many.'),
  }),
  readiness: event('ReadinessChanged', 'Whether calls would be served has changed, or a check has.', {
    ready: z.boolean(),
    checks: z.array(check),
  }),
  phase: event('PhaseChanged', 'The server has entered another phase of its life, or another step of its start.', {
    phase: z.enum(['starting', 'serving', 'closing']),
    activity: z.string().describe('What a starting server is doing.'),
  }),
  rotation: event('RotationChanged', 'The server was taken out of rotation, or put back.', {
    draining: z.boolean(),
    draining_since: timestampToMs.nullable(),
  }),
  loglevel: event('LogLevelChanged', 'Another level of the log was chosen, or the configured one has returned.', {
    ...logLevel.shape,
  }),
  log: event('LogLine', 'A line of the log, at `warn` or above.', {
    level: z.enum(['warn', 'error', 'fatal']),
    component: z.string().nullable(),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()),
  }),
} as const;

/** Of the stream itself; sent whatever types were asked for. */
export const STREAM_EVENTS = {
  'stream.begin': event('StreamBegin', 'The stream is open; its id is the place from which it continues.', {}),
  'stream.gap': event('StreamGap', 'Events since `Last-Event-ID` are missing.', {
    reason: z
      .enum(['restarted', 'forgotten'])
      .describe('The id is of an earlier process; or more has happened since than is remembered.'),
  }),
  'stream.end': event('StreamEnd', 'The last event of a stream that the server ends.', {
    reason: z.enum(['server_closing', 'too_slow']),
  }),
} as const;

export type EventName = keyof typeof EVENTS;

export type EventData<Name extends EventName> = Inside<(typeof EVENTS)[Name]>;

/** What a client receives. The id is that of the last event that had one. */
export type StreamedEvent = {
  readonly [Name in keyof AllEvents]: {
    readonly id: string | undefined;
    readonly event: Name;
    readonly data: z.input<AllEvents[Name]>;
  };
}[keyof AllEvents];

type AllEvents = typeof EVENTS & typeof STREAM_EVENTS;

// Object.keys loses the type of the keys.
export const EVENT_NAMES = Object.keys(EVENTS) as readonly EventName[];

function event<S extends z.ZodRawShape>(name: string, description: string, shape: S) {
  return component(name, description, z.strictObject({ at, ...shape }));
}

export const eventStream = component(
  'EventStream',
  `Server-sent events. \`event\` is one of ${[...EVENT_NAMES, ...Object.keys(STREAM_EVENTS)].join(', ')}; \`data\` is a JSON object.`,
  z.string(),
);

/** Names of events, or of groups of them, separated by commas. */
export const eventTypes = z.string().transform((text, context): ReadonlySet<EventName> => {
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => matching(name).length === 0);
  if (unknown === undefined) return new Set(asked.flatMap(matching));
  const known = EVENT_NAMES.join(', ');
  context.addIssue(`has no event ${JSON.stringify(unknown.slice(0, 100))}; there are ${known}`);
  return z.NEVER;
});

function matching(name: string): readonly EventName[] {
  return EVENT_NAMES.filter((each) => each === name || each.startsWith(`${name}.`));
}

/** One server-sent event. The data is one line, because JSON has no line ends. */
export function formatEvent(name: string, json: string, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${json}\n\n`;
}
