/** A decimal number without loss: `digits` divided by 10 to the power of `scale`. */
export interface ExactNumber {
  readonly digits: bigint;
  /** Never negative. */
  readonly scale: number;
}

/** No part can match in two ways: the text comes from a caller and may be long. */
const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*$/;
/** The time to read digits grows faster than their number; no number in SQL comes near this length. */
const MAX_LENGTH = 10_000;

/** Undefined when the text is not a decimal number. */
export function parseExact(text: string): ExactNumber | undefined {
  const match = text.length > MAX_LENGTH ? null : DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const magnitude = BigInt(whole + fraction);
  const digits = sign === '-' ? -magnitude : magnitude;
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Undefined when there is a fraction. */
export function toWhole({ digits, scale }: ExactNumber): bigint | undefined {
  const unit = 10n ** BigInt(scale);
  return digits % unit === 0n ? digits / unit : undefined;
}

/** Negative, zero or positive, as the first is smaller, equal or larger. */
export function compareExact(a: ExactNumber, b: ExactNumber): bigint {
  const scale = Math.max(a.scale, b.scale);
  return digitsAt(a, scale) - digitsAt(b, scale);
}

export function isMultipleOf(value: ExactNumber, step: ExactNumber): boolean {
  const scale = Math.max(value.scale, step.scale);
  return digitsAt(value, scale) % digitsAt(step, scale) === 0n;
}

function digitsAt({ digits, scale }: ExactNumber, wanted: number): bigint {
  return digits * 10n ** BigInt(wanted - scale);
}

/**
 * Checks whether doubles are multiples of `step`. Both count as the decimals they are written as, so 19.99 is a multiple
 * of 0.01. A double also passes if division says so, because 7 * 0.1 is computed as 0.7000000000000001. Whole numbers
 * are the most common and need only a division.
 */
export function createMultipleCheck(step: number): (value: number) => boolean {
  const exactStep = parseExact(String(step));
  return (value) => {
    if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0;
    if (Number.isInteger(value / step)) return true;
    const exact = parseExact(String(value));
    return exact !== undefined && exactStep !== undefined && isMultipleOf(exact, exactStep);
  };
}

/** Seconds since 1970 as the text of a UTC timestamp; undefined outside the years that have four digits. */
export function epochSecondsToText(seconds: number): string | undefined {
  const micros = Math.round(seconds * 1_000_000);
  const wholeMs = Math.floor(micros / 1000);
  const date = new Date(wholeMs);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999) return undefined;
  const restMicros = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${date.toISOString().slice(0, -1)}${restMicros}`;
}
