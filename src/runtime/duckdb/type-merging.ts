import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBTimestampValue,
  HUGEINT,
  TIMESTAMP,
  UHUGEINT,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';

const MAX_DECIMAL_WIDTH = 38;
const MICROS_PER_DAY = 86_400_000_000n;
/** Each holds what those before it hold; UHUGEINT has no sign, so what it shares with others is a double. */
const INTEGERS: readonly DuckDBType[] = [BOOLEAN, BIGINT, HUGEINT];
const NUMBERS: readonly DuckDBType[] = [...INTEGERS, UHUGEINT, DOUBLE];
const INTEGER_DIGITS: readonly number[] = [1, 19, 39];

/** The type that holds the values of both; undefined when only text does. */
export function mergeTypes(a: DuckDBType, b: DuckDBType): DuckDBType | undefined {
  if (String(a) === String(b)) return a;
  if (isNumeric(a) && isNumeric(b)) return mergeNumbers(a, b);
  if ((a === DATE && b === TIMESTAMP) || (a === TIMESTAMP && b === DATE)) return TIMESTAMP;
  return undefined;
}

function isNumeric(type: DuckDBType): boolean {
  return NUMBERS.includes(type) || type instanceof DuckDBDecimalType;
}

function mergeNumbers(a: DuckDBType, b: DuckDBType): DuckDBType | undefined {
  const [atA, atB] = [INTEGERS.indexOf(a), INTEGERS.indexOf(b)];
  if (atA >= 0 && atB >= 0) return INTEGERS[Math.max(atA, atB)];
  const [wholeA, wholeB] = [wholeDigits(a), wholeDigits(b)];
  if (wholeA === undefined || wholeB === undefined) return DOUBLE;
  const scale = Math.max(scaleOf(a), scaleOf(b));
  const width = Math.max(wholeA, wholeB) + scale;
  return width <= MAX_DECIMAL_WIDTH ? DECIMAL(width, scale) : DOUBLE;
}

function wholeDigits(type: DuckDBType): number | undefined {
  if (type instanceof DuckDBDecimalType) return type.width - type.scale;
  return INTEGER_DIGITS[INTEGERS.indexOf(type)];
}

function scaleOf(type: DuckDBType): number {
  return type instanceof DuckDBDecimalType ? type.scale : 0;
}

/** A value as one of a type that holds it. */
export function widen(value: Exclude<DuckDBValue, null>, type: DuckDBType): DuckDBValue {
  if (type instanceof DuckDBDecimalType) return toDecimal(value, type);
  if (type === DOUBLE) return value instanceof DuckDBDecimalValue ? Number(String(value)) : Number(value);
  if (type === BIGINT || type === HUGEINT || type === UHUGEINT)
    return typeof value === 'object' || typeof value === 'string' ? value : BigInt(value);
  if (type === TIMESTAMP && value instanceof DuckDBDateValue)
    return new DuckDBTimestampValue(BigInt(value.days) * MICROS_PER_DAY);
  return value;
}

function toDecimal(value: Exclude<DuckDBValue, null>, { width, scale }: DuckDBDecimalType): DuckDBValue {
  const { digits, ownScale } =
    value instanceof DuckDBDecimalValue
      ? { digits: value.value, ownScale: value.scale }
      : { digits: typeof value === 'bigint' ? value : BigInt(Number(value)), ownScale: 0 };
  return new DuckDBDecimalValue(digits * 10n ** BigInt(scale - ownScale), width, scale);
}
