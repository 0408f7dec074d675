/** What every value that may not be shown prints as. */
export const REDACTED = '[secret]';

/** A text for output: credentials in URLs and tokens in connection strings are replaced, the rest stays readable. */
export function redactText(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${REDACTED}@`)
    .replace(
      /([?&;\s][\w.-]*(?:token|password|passwd|pwd|secret|key|signature|sig)=)[^&;\s]*/gi,
      `$1${REDACTED}`,
    );
}

/** A configuration value for output, with the texts in it redacted. Not for values that came from a reference. */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item)]));
}
