import { z } from 'zod';
import { MAX_WAIT_MS, parseDuration } from '../lifecycle/index.js';

/** UTC to the second, e.g. `2024-01-15T10:30:00Z`: the form that `fromdate` of jq reads. */
export const timestampToSecond = timestamp(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, toSecondText);

export function toSecondText(time: Date): string {
  return `${time.toISOString().slice(0, -'.000Z'.length)}Z`;
}

/** UTC to the millisecond, in reload records. */
export const timestampToMs = timestamp(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, (time) => time.toISOString());

/** A text on the wire, a `Date` in the program. */
function timestamp(pattern: RegExp, toText: (time: Date) => string) {
  const text = z.string().regex(pattern).meta({ format: 'date-time' });
  return z.codec(text, z.date(), { decode: (given) => new Date(given), encode: toText });
}

/** `true`, `false`, `1` or `0`. */
export const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((text) => text === 'true' || text === '1');

/** `30s`, `2m`, or a bare number of seconds; at most ten minutes. Milliseconds once parsed. */
export const waitDuration = z.string().transform((text, context) => {
  const waitMs = parseDuration(text);
  if (waitMs !== undefined && waitMs <= MAX_WAIT_MS) return waitMs;
  context.addIssue('must be a time such as 30s or 2m, at most 10m');
  return z.NEVER;
});

const MAX_RECORDS = 1000;

export const recordLimit = z.string().transform((text, context) => {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_RECORDS) return limit;
  context.addIssue(`must be a whole number from 1 to ${MAX_RECORDS}`);
  return z.NEVER;
});

export const recordOffset = z.string().transform((text, context) => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  context.addIssue('must be a whole number from 0');
  return z.NEVER;
});

/** A moment in ISO 8601. */
export const isoTime = z.string().transform((text, context) => {
  const [, date, time = 'T00:00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+ -]\d\d:?\d\d)?$/.exec(text) ?? [];
  // A plus sign in a query string that nothing has escaped is a blank.
  const moment = new Date(`${date}${time.replace(' ', 'T')}${zone.replace(' ', '+')}`);
  if (date !== undefined && !Number.isNaN(moment.getTime())) return moment;
  context.addIssue('must be a time in ISO 8601 such as 2026-01-31T09:30:00Z');
  return z.NEVER;
});

type CamelCase<Key> = Key extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Key;

type CamelKeys<T> = T extends Date
  ? T
  : T extends readonly (infer Element)[]
    ? readonly CamelKeys<Element>[]
    : T extends object
      ? { readonly [Key in keyof T as CamelCase<Key>]: CamelKeys<T[Key]> }
      : T;

/** What a schema describes, as the program holds it: camelCase keys, times as `Date`. */
export type Inside<S extends z.ZodType> = CamelKeys<z.output<S>>;

/**
 * Turns a value of the program into the answer that its schema describes: snake_case keys, times as text. What the schema
 * does not name is left out, so an answer cannot leak what a value holds besides. The keys of records are data and stay.
 */
export function toWire<S extends z.ZodType>(schema: S, value: Inside<S>): z.input<S> {
  // The writer follows the schema, which both types come from.
  return writerOf(schema)(value) as z.input<S>;
}

type Writer = (value: unknown) => unknown;

/** Made once for each schema: walking it at every answer took a third of the time of `GET /health`. */
const writers = new WeakMap<z.core.$ZodType, Writer>();

function writerOf(schema: z.core.$ZodType): Writer {
  const known = writers.get(schema);
  if (known !== undefined) return known;
  const writer = createWriter(schema);
  writers.set(schema, writer);
  return writer;
}

function createWriter(schema: z.core.$ZodType): Writer {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    const write = writerOf(schema.unwrap());
    return (value) => (value === null || value === undefined ? value : write(value));
  }
  if (schema instanceof z.ZodCodec) {
    return (value) => schema.def.reverseTransform(value, { value, issues: [] });
  }
  if (schema instanceof z.ZodArray) {
    const write = writerOf(schema.element);
    return (value) => (Array.isArray(value) ? value.map(write) : value);
  }
  if (schema instanceof z.ZodObject) return createObjectWriter(schema);
  if (schema instanceof z.ZodRecord) {
    const write = writerOf(schema.valueType);
    return (value) => Object.fromEntries(Object.entries(value ?? {}).map(([key, held]) => [key, write(held)]));
  }
  // JSON leaves out what is undefined; a setting that is absent shows as null instead.
  return schema instanceof z.ZodUnknown ? (value) => value ?? null : (value) => value;
}

function createObjectWriter({ shape }: z.ZodObject): Writer {
  const fields = Object.entries(shape).map(([key, schema]) => {
    const name = key.replaceAll(/_(\w)/g, (_underscore, letter: string) => letter.toUpperCase());
    return { key, name, write: writerOf(schema) };
  });
  return (value) => {
    if (!isObject(value)) return value;
    const answer: Record<string, unknown> = {};
    for (const { key, name, write } of fields) {
      const shown = write(value[name]);
      if (shown !== undefined) answer[key] = shown;
    }
    return answer;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
