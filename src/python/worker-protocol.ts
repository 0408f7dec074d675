import { z } from 'zod';
import { type JsonObject, type JsonValue, parseOrdered } from '../duckdb/index.js';
import type { GivenAnswer, QuestionKind } from '../questions/index.js';

/** JSON.parse returns only JSON values, so just what surrounds such a value is checked. */
const jsonValue = z.custom<JsonValue>((value) => value !== undefined);

/** Python sends None as null. */
function optional<T>(type: z.ZodType<T>) {
  return type
    .nullish()
    .transform((value) => value ?? undefined)
    .optional();
}

/** A text that is too long: its beginning, how many characters were left out, its end. */
export type CutText = readonly [head: string, leftOut: number, tail: string];

const questionKind = z.enum(['elicitation', 'sampling', 'roots']);

/** Failures of code. `text` parses a text that may be cut; `line` is missing where Python knows only the file. */
function createFailures(text: z.ZodType<string>) {
  const line = optional(z.number());
  const raised = z.object({
    type: z.string(),
    message: text,
    traceback: text,
    file: z.string().optional(),
    line,
    function: z.string().optional(),
    /** The code of the error, and what its client reads. */
    code: z.enum(['python_failed', 'tool_error', 'not_found', 'confirmation_unsupported']),
    clientMessage: text,
    /** What the client of the call cannot be asked for, if that is the reason. */
    unsupported: questionKind.optional(),
  });
  const problem = z.object({ message: text, file: z.string(), line });
  /** `imported` is the file that was to be imported, `file` the one that failed. */
  const question = z.object({
    key: z.string(),
    kind: questionKind,
    params: z.record(z.string(), jsonValue),
    digest: z.string(),
  });
  const importFailure = problem.extend({ imported: z.string(), traceback: text });
  const failure = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('cancelled') }),
    z.object({ kind: z.literal('too_large'), message: z.string() }),
    /** The code has asked its client, which has not answered yet. */
    z.object({ kind: z.literal('asks'), questions: z.array(question) }),
    /** The code has asked something else under the key of an answer than before. */
    z.object({ kind: z.literal('asks_otherwise'), key: z.string() }),
    /** An answer does not fit its question. */
    z.object({ kind: z.literal('unfit_answer'), key: z.string(), reason: text }),
    problem.extend({ kind: z.literal('not_callable') }),
    raised.extend({ kind: z.literal('raised') }),
  ]);
  return { raised, problem, importFailure, failure };
}

const notification = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('log'),
    level: z.enum(['debug', 'info', 'warning', 'error']),
    message: z.string(),
    data: optional(jsonValue),
  }),
  z.object({
    kind: z.literal('progress'),
    progress: z.number(),
    total: optional(z.number()),
    message: optional(z.string()),
  }),
]);

/** What running code sends to the client of its call. */
export type CallNotification = z.infer<typeof notification>;

const job = z.number();

function createMessage({ raised, problem, importFailure, failure }: Failures) {
  return z.discriminatedUnion('op', [
    z.object({ op: z.literal('importing'), file: z.string() }),
    z.object({ op: z.literal('started'), failures: z.array(importFailure) }),
    z.object({
      op: z.literal('shape'),
      job,
      shape: z.enum(['list', 'value', 'content']),
      length: optional(z.number()),
    }),
    z.object({ op: z.literal('notify'), job, notification }),
    z.object({ op: z.literal('hook.shutdown') }),
    z.object({ op: z.literal('hook.failures'), job, failures: z.array(raised) }),
    z.object({ op: z.literal('problems'), job, problems: z.array(problem) }),
    z.object({ op: z.literal('done'), job, failure: failure.optional(), updated: z.array(z.string()).optional() }),
    z.object({ op: z.literal('updated'), uris: z.array(z.string()) }),
    z.object({
      op: z.literal('db'),
      id: z.number(),
      session: z.string(),
      sql: z.string(),
      parameters: jsonValue,
      blocksLoop: z.boolean(),
      /** Whether the session ends with this statement. */
      isAlone: z.boolean(),
    }),
    z.object({ op: z.literal('db.close'), session: z.string() }),
    z.object({ op: z.literal('reload'), payload: optional(z.number()), description: optional(z.string()) }),
  ]);
}

type Failures = ReturnType<typeof createFailures>;
export type RaisedError = z.infer<Failures['raised']>;
/** An error in a Python file, relative to the project root. The message does not contain the position. */
export type PythonProblem = z.infer<Failures['problem']>;
export type ImportFailure = z.infer<Failures['importFailure']>;
export type ReportedFailure = z.infer<Failures['failure']>;

/** A message of a worker, except for the items of results. */
export type WorkerMessage = z.infer<ReturnType<typeof createMessage>>;
export type MessageOf<Op extends WorkerMessage['op']> = Extract<WorkerMessage, { op: Op }>;

/** A line with an item of a result: `<job> <JSON>`. The JSON text is kept, so that it need not be written again. */
export interface ResultItem {
  readonly op: 'item';
  readonly job: number;
  readonly value: JsonValue;
  readonly text: string;
}

/** The caller, as `UserContext(**user)` takes it. */
export interface WorkerUser {
  readonly provider: string | null;
  readonly user_id: string | null;
  readonly username: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly role: string;
  readonly permissions: readonly string[];
  readonly capabilities: readonly string[];
  readonly scopes: readonly string[];
  readonly external_token: string | null;
  readonly raw_profile: Readonly<Record<string, unknown>> | null;
}

/** What the code of a call can ask its client for, and the answers to what it asked before, by key. */
export interface WorkerClient {
  readonly asks: readonly QuestionKind[];
  readonly answers: Readonly<Record<string, GivenAnswer>>;
}

/** The headers of W3C Trace Context, by which code continues the trace of its call. */
export type WorkerTrace = Readonly<{ traceparent: string; tracestate?: string }>;

/** The function of an endpoint. */
interface Target {
  readonly job: number;
  readonly file: string;
  readonly function: string | null;
}

/** Which items of a list a worker sends: so many at most, in at most so many bytes, but at least so many, and one beyond them. */
interface ListPart {
  readonly skip: number;
  readonly least: number;
  readonly items: number | null;
  readonly size: number | null;
}

/** A message to a worker. */
export type ServerMessage =
  | (Target & {
      readonly op: 'call';
      readonly arguments: JsonObject;
      readonly user: WorkerUser | null;
      readonly trace: WorkerTrace | null;
      readonly client: WorkerClient;
      readonly limit: number;
      readonly part: ListPart | null;
    })
  | { readonly op: 'cancel'; readonly job: number }
  | { readonly op: 'hooks'; readonly job: number; readonly kind: 'init' | 'shutdown' }
  | { readonly op: 'payload'; readonly job: number; readonly payload: number }
  | { readonly op: 'payload.release'; readonly payload: number }
  | (Target & { readonly op: 'inspect'; readonly parameters: readonly string[] })
  | { readonly op: 'exit' }
  | { readonly op: 'updated.taken' }
  | { readonly op: 'db.columns'; readonly id: number; readonly columns: JsonValue }
  | { readonly op: 'db.end'; readonly id: number }
  | { readonly op: 'db.error'; readonly id: number; readonly message: string };

const BRACE = 0x7b;
const SPACE = 0x20;

/**
 * The returned function throws when a line is not of the protocol; the text completes the sentence "the worker was ended,
 * because …". The worker itself writes only JSON, so anything else was written by code of the project.
 */
export function createLineParser(join: (cut: CutText) => string): (line: Buffer) => WorkerMessage | ResultItem {
  const cut = z.tuple([z.string(), z.number(), z.string()]);
  const message = createMessage(createFailures(z.union([z.string(), cut.transform(join)])));
  return (line) => {
    if (line[0] !== BRACE) return parseItem(line);
    const { data, error } = message.safeParse(parseJson(line.toString('utf8')));
    if (data !== undefined) return data;
    throw new Error(`it sent a message that the server does not know: ${z.prettifyError(error).replaceAll('\n', ' ')}`);
  };
}

function parseItem(line: Buffer): ResultItem {
  const space = line.indexOf(SPACE);
  const number = Number(line.toString('latin1', 0, Math.max(0, space)));
  if (space < 1 || !Number.isSafeInteger(number)) throw new Error(FOREIGN);
  const text = line.toString('utf8', space + 1);
  return { op: 'item', job: number, value: parseJson(text), text };
}

const FOREIGN = 'code of the project wrote to the pipe of the server';

function parseJson(text: string): JsonValue {
  try {
    return parseOrdered(text);
  } catch (error) {
    throw new Error(FOREIGN, { cause: error });
  }
}
