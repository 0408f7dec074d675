import type { ValueFormat } from '../definitions/definition-schema.js';

const CLOCK = String.raw`([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?`;
const ZONE = String.raw`(Z|z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)`;
const TIME = new RegExp(`^${CLOCK}$`);
const DATE_TIME = new RegExp(`^(\\d{4}-\\d{2}-\\d{2})([Tt ]${CLOCK}\\s?${ZONE}?)?$`);
const EPOCH_SECONDS = /^\s*-?\d+(\.\d+)?\s*$/;
const DURATION =
  /^-?P(?!$)(-?\d+Y)?(-?\d+M)?(-?\d+W)?(-?\d+D)?(T(?=[-\d])(-?\d+H)?(-?\d+M)?(-?\d+(\.\d+)?S)?)?$/;

/**
 * The formats of the type system, for text; `date` and `email` come from ajv-formats. They are those of JSON Schema, a little wider where SQL is: clocks without a
 * zone, dates with a space before the clock, fractions of seconds in durations, and `timestamp`, seconds since 1970.
 */
export const FORMATS: Readonly<Record<Exclude<ValueFormat, 'date' | 'email'>, (text: string) => boolean>> = {
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text),
  time: (text) => TIME.test(text),
  'date-time': isDateTime,
  duration: (text) => DURATION.test(text),
  timestamp: (text) => EPOCH_SECONDS.test(text) && epochSecondsToText(Number(text)) !== undefined,
};

export function hasZone(dateTime: string): boolean {
  return new RegExp(`:.*${ZONE}$`).test(dateTime);
}

/** Seconds since 1970 as the text of a UTC timestamp; undefined outside the years that have four digits. */
export function epochSecondsToText(seconds: number): string | undefined {
  const micros = Math.round(seconds * 1_000_000);
  const wholeMs = Math.floor(micros / 1000);
  const date = new Date(wholeMs);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999)
    return undefined;
  const restMicros = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${date.toISOString().slice(0, -1)}${restMicros}`;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const match = DATE_TIME.exec(text);
  return match !== null && isDate(match[1] ?? '');
}
