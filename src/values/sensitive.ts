import type { ParameterDefinition, TypeDefinition } from './type-definition.js';

export const REDACTED = '[redacted]';
/** What a policy puts in place of a field that its reader may not see. */
export const MASK = '****';
/** For what no definition describes, so that nothing says whether it is sensitive. */
const UNDECLARED = '[undeclared]';

/** Whether the type, or any part of it, is declared as `sensitive`. */
export function hasSensitive(type: TypeDefinition | undefined): boolean {
  if (type === undefined) return false;
  if (type.sensitive === true || hasSensitive(type.items)) return true;
  return Object.values(type.properties ?? {}).some(hasSensitive);
}

/**
 * The same value with `[redacted]` in place of what the type declares as `sensitive`, at any depth. A value of another shape than declared is
 * redacted as a whole if any part of its type is sensitive. The given value is not changed.
 */
export function redactSensitive(value: unknown, type: TypeDefinition | undefined): unknown {
  if (type === undefined || value === null || value === undefined || !hasSensitive(type)) return value;
  if (type.sensitive === true) return REDACTED;
  if (Array.isArray(value) && type.type === 'array') return value.map((item) => redactSensitive(item, type.items));
  if (!isRecord(value) || type.type !== 'object') return REDACTED;
  const declared = new Map(Object.entries(type.properties ?? {}));
  const entries = Object.entries(value).map(([name, each]) => [name, redactSensitive(each, declared.get(name))]);
  return Object.fromEntries(entries);
}

/** The arguments of a call, as they were sent. Those that are not declared, and all without a declaration, are replaced too. */
export function redactArguments(
  sent: Readonly<Record<string, unknown>>,
  parameters: readonly ParameterDefinition[] | undefined,
): Readonly<Record<string, unknown>> {
  const declared = new Map(parameters?.map((parameter) => [parameter.name, parameter]));
  const entries = Object.entries(sent).map(([name, value]) => {
    const parameter = declared.get(name);
    return [name, parameter === undefined ? UNDECLARED : redactSensitive(value, parameter)];
  });
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
