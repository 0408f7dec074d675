import type { RuntimeValue } from './jinja-library.js';

/** What `{{ value }}` prints: as Python does, for which templates are written. */
export function toPythonText(value: RuntimeValue): string {
  const { type, value: inner } = value;
  if (typeof inner === 'string') return inner;
  return type === 'UndefinedValue' || typeof inner === 'function' ? '' : toPythonLiteral(value);
}

function toPythonLiteral(value: RuntimeValue): string {
  const { type, value: inner } = value;
  if (type === 'NullValue') return 'None';
  if (typeof inner === 'boolean') return inner ? 'True' : 'False';
  if (typeof inner === 'string') return quote(inner);
  if (Array.isArray(inner)) {
    const items = inner.map(toPythonLiteral).join(', ');
    return type === 'TupleValue' ? `(${items})` : `[${items}]`;
  }
  if (!(inner instanceof Map)) return value.toString();
  const entries = [...inner].map(([key, each]) => `${quote(key)}: ${toPythonLiteral(each)}`);
  return `{${entries.join(', ')}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Single quotes, unless only double ones leave nothing to escape. */
function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char] ?? char);
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}
