import { parseIsoDate, parseIsoTime, parseIsoTimestamp } from '../../runtime/index.js';
import type { ValueFormat } from '../definitions/definition-schema.js';

const EPOCH_SECONDS = /^\s*-?\d+(\.\d+)?\s*$/;
const DURATION =
  /^-?P(?!$)(-?\d+Y)?(-?\d+M)?(-?\d+W)?(-?\d+D)?(T(?=[-\d])(-?\d+H)?(-?\d+M)?(-?\d+(\.\d+)?S)?)?$/;

/**
 * The formats of the type system, for text; `email` comes from ajv-formats. They are those of JSON Schema, a little wider
 * where SQL is: clocks without a zone, a space before the clock, fractions of seconds and signs in durations, and
 * `timestamp`, seconds since 1970. What passes here as a date or time can be bound as one.
 */
export const FORMATS: Readonly<Record<Exclude<ValueFormat, 'email'>, (text: string) => boolean>> = {
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text),
  date: (text) => parseIsoDate(text) !== undefined,
  time: (text) => parseIsoTime(text) !== undefined,
  'date-time': (text) => parseIsoTimestamp(text) !== undefined,
  duration: (text) => DURATION.test(text),
  timestamp: (text) => EPOCH_SECONDS.test(text) && epochSecondsToText(Number(text)) !== undefined,
};

export function hasZone(dateTime: string): boolean {
  return /:.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$/.test(dateTime);
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
