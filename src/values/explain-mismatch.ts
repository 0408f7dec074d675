import type { ErrorObject } from 'ajv/dist/2020.js';
import { clip, joinReasons, suggestion } from '../errors/index.js';

const SHOWN_VALUE_LENGTH = 80;

/** Says what about a value does not fit its type; undefined when it fits. `root` names the value as a whole. */
export type SchemaCheck = (value: unknown, root: string) => string | undefined;

/** What is wrong with a value, each reason once: the first of `count` errors, and how many more there are. */
export function explainMismatches(errors: readonly ErrorObject[], count: number, root: string): string {
  const reasons = [...new Set(errors.map((error) => explainMismatch(error, root)))];
  return joinReasons(reasons, reasons.length + Math.max(0, count - errors.length));
}

/** One sentence about a part of a value that does not fit its type: which part, why, and what was sent. */
function explainMismatch(error: ErrorObject, root: string): string {
  const path = pathOf(error.instancePath);
  const memberName = (name: unknown): string => `"${path === '' ? '' : `${path}.`}${String(name)}"`;
  const place = path === '' ? root : `"${path}"`;
  const params: Readonly<Record<string, unknown>> = error.params;
  if (error.keyword === 'required') return `${memberName(params['missingProperty'])} is required`;
  if (error.keyword === 'additionalProperties') {
    const name = params['additionalProperty'];
    const known = Object.keys(Object(error.parentSchema?.['properties']));
    return `${memberName(name)} is not known${suggestion(String(name), known) || '; there are none'}`;
  }
  if (hasLostDigits(error))
    return `${place} is a number beyond ±${Number.MAX_SAFE_INTEGER}, which may have lost digits on its way; send it as text, in quotes`;
  const wanted = wantedBy(error, params);
  if (wanted !== undefined && error.keyword === 'type' && isBrokenJson(error))
    return `${place} must ${wanted}, but ${show(error.data)} is not valid JSON, such as ${error.parentSchema?.['jsonText']}`;
  if (wanted !== undefined) return `${place} must ${wanted}, not ${show(error.data)}`;
  const message = (error.message ?? 'does not fit').replace(' NOT ', ' not ');
  const isSmall = typeof error.data !== 'object' || error.data === null;
  return `${place} ${message}${isSmall ? `, not ${show(error.data)}` : ''}`;
}

/** Undefined when the message of the schema library is readable. */
function wantedBy(error: ErrorObject, params: Readonly<Record<string, unknown>>): string | undefined {
  switch (error.keyword) {
    case 'enum':
      // Null means only that a value was left out.
      return `be one of ${[params['allowedValues']]
        .flat()
        .filter((each) => each !== null)
        .map(show)
        .join(', ')}`;
    case 'type':
      return `be ${typeNames(params['type'], error)}`;
    case 'format':
      return `be ${FORMAT_NAMES[String(params['format']).replace('result-', '')] ?? String(params['format'])}`;
    case 'epochSeconds':
      return `be ${FORMAT_NAMES['timestamp']}`;
    case 'pattern':
      return `match the pattern ${String(params['pattern'])}`;
    default: {
      const bound = BOUND_NAMES[error.keyword];
      return bound && `be ${bound} ${String(params['limit'] ?? params['multipleOf'])}`;
    }
  }
}

const BOUND_NAMES: Readonly<Record<string, string>> = {
  minimum: 'at least',
  maximum: 'at most',
  exclusiveMinimum: 'more than',
  exclusiveMaximum: 'less than',
  multipleOf: 'a multiple of',
};

/** `/items/0/price` is `items[0].price`. */
function pathOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const names = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.map((name, at) => (/^\d+$/.test(name) ? `[${name}]` : at === 0 ? name : `.${name}`)).join('');
}

/** Such a number is not converted to text where text is wanted, so there it breaks the type. */
function hasLostDigits({ keyword, data, parentSchema }: ErrorObject): boolean {
  if (keyword === 'keptDigits') return true;
  const mustKeepDigits = keyword === 'type' && parentSchema?.['keptDigits'] === true;
  return mustKeepDigits && Number.isInteger(data) && !Number.isSafeInteger(data);
}

/** A list or an object may be sent as JSON text. */
function isBrokenJson({ data, parentSchema }: ErrorObject): boolean {
  if (typeof data !== 'string' || parentSchema?.['jsonText'] === undefined) return false;
  try {
    JSON.parse(data);
    return false;
  } catch {
    return true;
  }
}

function typeNames(type: unknown, { parentSchema }: ErrorObject): string {
  const hidden = ['null', ...(parentSchema?.['exactText'] === undefined ? [] : ['string'])];
  return [type]
    .flat()
    .map(String)
    .filter((name) => !hidden.includes(name))
    .map((name) => TYPE_NAMES[name] ?? name)
    .join(' or ');
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  email: 'an email address',
  uri: 'a URI with its scheme',
  date: 'a date (YYYY-MM-DD)',
  time: 'a time (HH:MM:SS, with or without a zone)',
  'date-time': 'a date and time (YYYY-MM-DDTHH:MM:SS, with or without a zone)',
  duration: 'an ISO 8601 duration (such as P1DT2H)',
  timestamp: 'a number of seconds since 1970-01-01, from year 0 to 9999',
};

function show(value: unknown): string {
  // One character of a text may take six as JSON.
  if (typeof value === 'string') return clip(JSON.stringify(clip(value, SHOWN_VALUE_LENGTH)), SHOWN_VALUE_LENGTH);
  return clip(JSON.stringify(value) ?? String(value), SHOWN_VALUE_LENGTH);
}
