import type { ErrorObject } from 'ajv/dist/2020.js';
import { suggestion } from '../errors/index.js';

/**
 * Says what about a value does not fit its type, one sentence for each reason; empty when it fits. `root` names the value
 * as a whole.
 */
export type SchemaCheck = (value: unknown, root: string) => readonly string[];

const SHOWN_VALUE_LENGTH = 80;

/** One sentence about a part of a value that does not fit its type: which part, why, and what was sent. */
export function explainMismatch(error: ErrorObject, root: string): string {
  const place = placeOf(error.instancePath, root);
  const params: Readonly<Record<string, unknown>> = error.params;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownProperty(place, String(params['additionalProperty']), error);
    case 'required':
      return `${join(place, String(params['missingProperty']))} is required`;
    case 'enum':
      return `${place} must be one of ${list(params['allowedValues'])}, not ${show(error.data)}`;
    case 'keptDigits':
      return lostDigits(place);
    case 'type':
      return mayHaveLostDigits(error)
        ? lostDigits(place)
        : `${place} must be ${typeNames(params['type'], error)}, not ${show(error.data)}`;
    case 'format':
      return `${place} must be ${formatName(String(params['format']))}, not ${show(error.data)}`;
    case 'epochSeconds':
      return `${place} must be ${formatName('timestamp')}, not ${show(error.data)}`;
    case 'pattern':
      return `${place} must match the pattern ${String(params['pattern'])}, not ${show(error.data)}`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'multipleOf':
      return `${place} must be ${boundOf(error.keyword, params)}, not ${show(error.data)}`;
    default:
      return `${place} ${(error.message ?? 'does not fit').replace(' NOT ', ' not ')}${isSmall(error.data) ? `, not ${show(error.data)}` : ''}`;
  }
}

function boundOf(keyword: keyof typeof BOUND_NAMES, params: Readonly<Record<string, unknown>>): string {
  return `${BOUND_NAMES[keyword]} ${String(params['limit'] ?? params['multipleOf'])}`;
}

const BOUND_NAMES = {
  minimum: 'at least',
  maximum: 'at most',
  exclusiveMinimum: 'more than',
  exclusiveMaximum: 'less than',
  multipleOf: 'a multiple of',
} as const;

function unknownProperty(place: string, name: string, error: ErrorObject): string {
  const properties: unknown = error.parentSchema?.['properties'];
  const known = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  return `${join(place, name)} is not known${suggestion(name, known) || '; there are none'}`;
}

/** `/items/0/price` of arguments is `"items[0].price"`. */
function placeOf(pointer: string, root: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const path = steps
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
  return path === '' ? root : `"${path}"`;
}

function join(place: string, name: string): string {
  return place.startsWith('"') ? `${place.slice(0, -1)}.${name}"` : `"${name}"`;
}

function lostDigits(place: string): string {
  const limit = Number.MAX_SAFE_INTEGER;
  return `${place} is a number beyond ±${limit}, which may have lost digits on its way; send it as text, in quotes`;
}

/** Such a number does not become text where text is wanted, so it breaks the type as well. */
function mayHaveLostDigits({ data, parentSchema }: ErrorObject): boolean {
  return parentSchema?.['keptDigits'] === true && Number.isInteger(data) && !Number.isSafeInteger(data);
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

function formatName(format: string): string {
  const names: Readonly<Record<string, string>> = {
    email: 'an email address',
    uri: 'a URI with its scheme',
    date: 'a date (YYYY-MM-DD)',
    time: 'a time (HH:MM:SS, with or without a zone)',
    'date-time': 'a date and time (YYYY-MM-DDTHH:MM:SS, with or without a zone)',
    duration: 'an ISO 8601 duration (such as P1DT2H)',
    timestamp: 'a number of seconds since 1970-01-01, from year 0 to 9999',
  };
  return names[format] ?? format;
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => show(value)).join(', ') : String(values);
}

function isSmall(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_VALUE_LENGTH ? text : `${text.slice(0, SHOWN_VALUE_LENGTH)}…`;
}
