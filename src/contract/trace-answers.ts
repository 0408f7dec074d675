import { z } from 'zod';
import { component } from './components.js';
import { type Inside, timestampToMs } from './wire-format.js';

const milliseconds = z.number().min(0);
const phase = (doc: string) => milliseconds.optional().describe(doc);

/** The data of the event `call` of `GET /trace`. */
export const callTrace = component(
  'CallTrace',
  'One call that was answered, and where its time went. It has no value of an argument.',
  z.strictObject({
    at: timestampToMs.describe('When it arrived.'),
    type: z.enum(['tool', 'resource', 'prompt']),
    name: z.string().nullable().describe('Null if there is no such endpoint.'),
    code: z.string().nullable().describe('The code of the error; null for a success.'),
    duration_ms: milliseconds.describe('From its arrival until its answer was written.'),
    phases: z
      .strictObject({
        hold: phase('Waiting for a reload that pauses calls.'),
        queue: phase('Waiting for a free slot.'),
        policy: phase('Deciding whether the call is allowed.'),
        bind: phase('Reading and checking the arguments.'),
        duckdb: phase('Running SQL, that of Python code included.'),
        python: phase('Running Python code, without its SQL.'),
        render: phase('Rendering a prompt.'),
        check: phase('Checking the result as a whole.'),
        encode: phase('Making the answer and writing it.'),
      })
      .describe('In milliseconds. A phase that the call did not have is absent.'),
    statements: z.int().min(0).describe('SQL statements that ran.'),
    rows: z.int().min(0).nullable().describe('Rows or items of the result; null if there is none.'),
    bytes: z.int().min(0).nullable().describe('Of the result as text; null if there is none.'),
    shortened: z
      .enum(['rows', 'bytes'])
      .nullable()
      .describe('Which limit the result has reached; null for one that is whole.'),
    transport: z.enum(['http', 'stdio', 'admin']),
    request: z.string().nullable().describe('The id that the client gave the request.'),
    client: z.string().nullable(),
    group: z.string().nullable().describe('The group through which it came; null for all endpoints.'),
    user: z.string().nullable().describe('Who called; null for a caller whom nothing has authenticated.'),
    trace_id: z.string().nullable().describe('Of W3C Trace Context; null if the call belongs to no trace.'),
  }),
);

export type CallTraceRecord = Inside<typeof callTrace>;

export const traceStream = component(
  'TraceStream',
  'Server-sent events. `event` is `call` or `stream.end`; `data` is a JSON object.',
  z.string(),
);
