/** A decimal number without loss: `digits` divided by 10 to the power of `scale`. */
export interface ExactNumber {
  readonly digits: bigint;
  /** Never negative. */
  readonly scale: number;
}

/** No way to match a part in two ways: the text comes from a caller and may be long. */
const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*$/;
/** Reading digits takes longer than their number grows; nothing that SQL holds comes near this. */
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

/** Negative, zero or positive, as the first is smaller, equal or larger. */
export function compareExact(a: ExactNumber, b: ExactNumber): bigint {
  const scale = Math.max(a.scale, b.scale);
  return digitsAt(a, scale) - digitsAt(b, scale);
}

export function isMultipleOf(value: ExactNumber, step: ExactNumber): boolean {
  const scale = Math.max(value.scale, step.scale);
  return digitsAt(value, scale) % digitsAt(step, scale) === 0n;
}

/**
 * Tells of doubles whether they are multiples of this one, both taken as the decimals that they are written as; or by
 * division, because 7 * 0.1 was computed where it is 0.7000000000000001. Whole numbers, most of all there are, need no more
 * than a division.
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

/** Undefined when there is a fraction. */
export function toWhole({ digits, scale }: ExactNumber): bigint | undefined {
  const unit = 10n ** BigInt(scale);
  return digits % unit === 0n ? digits / unit : undefined;
}

function digitsAt({ digits, scale }: ExactNumber, wanted: number): bigint {
  return digits * 10n ** BigInt(wanted - scale);
}
