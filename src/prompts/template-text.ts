import type { RuntimeValue } from './jinja-library.js';

/** What `{{ value }}` prints: the text that Python makes of the value, because templates are written for Jinja2. */
export function toText(value: RuntimeValue | undefined): string {
  if (value === undefined || /^(?:Undefined|Function)Value$/.test(value.type)) return '';
  return typeof value.value === 'string' ? value.value : toPythonLiteral(value);
}

function toPythonLiteral(value: RuntimeValue): string {
  const { type, value: inner } = value;
  if (type === 'NullValue') return 'None';
  if (typeof inner === 'boolean') return inner ? 'True' : 'False';
  if (typeof inner === 'string') return quote(inner);
  if (Array.isArray(inner)) {
    const items = inner.map(toPythonLiteral).join(', ');
    return type === 'TupleValue' ? `(${items}${inner.length === 1 ? ',' : ''})` : `[${items}]`;
  }
  if (typeof inner === 'number') return formatNumber(value);
  if (!(inner instanceof Map)) return type === 'UndefinedValue' ? 'Undefined' : value.toString();
  return `{${[...inner].map(([key, each]) => `${quote(key)}: ${toPythonLiteral(each)}`).join(', ')}}`;
}

/** In single quotes, or in double quotes if that saves escaping. */
function quote(text: string): string {
  const around = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\p{Cc}\p{Zl}\p{Zp}]/gu, (char) => ESCAPES[char] ?? toHexEscape(char));
  return around + (around === "'" ? escaped.replaceAll("'", "\\'") : escaped) + around;
}

const ESCAPES: Readonly<Partial<Record<string, string>>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function toHexEscape(char: string): string {
  const hex = char.charCodeAt(0).toString(16);
  return hex.length > 2 ? `\\u${hex.padStart(4, '0')}` : `\\x${hex.padStart(2, '0')}`;
}

/** `1.0`, `1e-05` and `1e+16`, as Python writes numbers with a fraction. */
function formatNumber({ type, value }: RuntimeValue): string {
  if (type !== 'FloatValue' || typeof value !== 'number') return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const places = Number(exponent);
  if (places < -4 || places >= 16)
    return `${digits}e${places < 0 ? '-' : '+'}${String(Math.abs(places)).padStart(2, '0')}`;
  if (Object.is(value, -0)) return '-0.0';
  const decimals = digits.replace(/\D/g, '').length - 1 - places;
  return value.toFixed(Math.max(1, decimals));
}
