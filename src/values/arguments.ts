import { DeclaredValue, type JsonObject, type ParameterValue, TypedText } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import { coerceMembers, hasZone, isNumeric } from './coerce.js';
import { epochSecondsToText } from './exact-numbers.js';
import { explainMismatch } from './explain-mismatch.js';
import { type SchemaCheck, type SchemaCompiler, toInputCheck, toInputSchema } from './json-schema.js';
import type { ParameterDefinition, TypeDefinition } from './type-definition.js';

/** The arguments of one call after defaults, coercion and checks. */
export interface CallArguments {
  /** JSON values by name, for templates. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The same values as SQL gets them. */
  readonly bindings: Readonly<Record<string, ParameterValue>>;
}

/** Reads what callers send for the parameters of one endpoint. */
export class ArgumentReader {
  readonly inputSchema: JsonObject;
  readonly #endpoint: string;
  readonly #declared: readonly (readonly [string, ParameterDefinition])[];
  readonly #binders: readonly (readonly [string, Binder])[];
  readonly #check: SchemaCheck;

  /** `endpoint` names the endpoint in errors, e.g. `tool "sales"`. */
  constructor(endpoint: string, parameters: readonly ParameterDefinition[], compiler: SchemaCompiler) {
    this.#endpoint = endpoint;
    this.#declared = parameters.map((parameter) => [parameter.name, parameter]);
    this.#binders = parameters.map((parameter) => [parameter.name, createBinder(parameter)]);
    this.inputSchema = toInputSchema(parameters);
    this.#check = compiler.compile(() => toInputCheck(parameters));
  }

  /** Throws `params_invalid`, which names every argument that does not fit. */
  read(sent: Readonly<Record<string, unknown>>): CallArguments {
    const values = coerceMembers(sent, this.#declared, isWithoutDefault);
    const mismatches = this.#check(values);
    if (mismatches.length > 0) {
      const reasons = [...new Set(mismatches.map((mismatch) => explainMismatch(mismatch, 'the arguments')))];
      throw new MxcpError('params_invalid', `invalid arguments for ${this.#endpoint}: ${reasons.join('; ')}`);
    }
    const bindings = this.#binders.map(([name, bind]) => [name, bind(values[name])]);
    return { values, bindings: Object.fromEntries(bindings) };
  }
}

/** Asked about parameters that have no default, all of which are required. */
function isWithoutDefault(): boolean {
  return true;
}

/** Makes of a checked argument what SQL gets. */
export type Binder = (value: unknown) => ParameterValue;

/** Made once for each parameter: objects and lists whose members are declared are bound with the types of all of them. */
export function createBinder(type: TypeDefinition): Binder {
  const sample = isDeclared(type) ? toTypeSample(type) : null;
  return sample === null
    ? (value) => toParameterValue(type, value)
    : (value) => new DeclaredValue(toParameterValue(type, value), sample);
}

function isDeclared({ type, properties, items }: TypeDefinition): boolean {
  return (type === 'object' && properties !== undefined) || (type === 'array' && items !== undefined);
}

/** A checked argument as SQL gets it: dates and times as their own SQL types, everything else as it is. */
export function toParameterValue(type: TypeDefinition, value: unknown): ParameterValue {
  if (value === null || value === undefined) return null;
  if (type.format === 'timestamp' && (typeof value === 'string' || typeof value === 'number'))
    return new TypedText('TIMESTAMP', epochSecondsToText(Number(value)) ?? String(value));
  // A number that comes as text is a whole one that a double cannot hold.
  if (typeof value === 'string') return isNumeric(type) ? BigInt(value) : toTypedText(type, value);
  if (Array.isArray(value)) return value.map((item) => toParameterValue(type.items ?? ANY, item));
  if (typeof value === 'object') return toStruct(type, value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  throw new Error(`an argument of type ${typeof value} passed its check`);
}

/** A part that no type is declared for. */
const ANY: TypeDefinition = { type: 'object' };

function toTypedText(type: TypeDefinition, text: string): string | TypedText {
  switch (type.format) {
    case 'date':
      return new TypedText('DATE', text);
    case 'time':
      return new TypedText('TIME', text);
    case 'date-time':
      return new TypedText(hasZone(text) ? 'TIMESTAMPTZ' : 'TIMESTAMP', text);
    default:
      return text;
  }
}

function toStruct(type: TypeDefinition, value: object): ParameterValue {
  const { properties = {} } = type;
  const entries = Object.entries(value).map(([key, item]) => {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return [key, toParameterValue(property ?? ANY, item)] as const;
  });
  return Object.fromEntries(entries);
}

/** A value of each declared parameter, of the SQL type that a call would bind, so that a statement can be compiled. */
export function toSampleParameters(
  parameters: readonly ParameterDefinition[],
): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(
    parameters.map(
      (parameter) => [parameter.name, toParameterValue(parameter, sampleOf(parameter, FREE))] as const,
    ),
  );
}

/** A value with all that is declared of a type; what is free to be anything is null. */
export function toTypeSample(type: TypeDefinition): ParameterValue {
  return toParameterValue(type, sampleOf(type, { item: null, object: null }));
}

/** What stands for an item, and for an object, of which nothing is declared. */
interface FreeSamples {
  readonly item: unknown;
  readonly object: unknown;
}

const FREE: FreeSamples = { item: 'text', object: {} };

function sampleOf(type: TypeDefinition, free: FreeSamples): unknown {
  switch (type.type) {
    case 'string':
      // What is declared may be more than text to the statement: the name of a table, or the unit of a date.
      return firstText(type.enum) ?? firstText([type.default]) ?? sampleText(type.format);
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    case 'array':
      return [type.items === undefined ? free.item : sampleOf(type.items, free)];
    case 'object':
      return type.properties === undefined ? free.object : sampleMembers(type.properties, free);
  }
}

function sampleMembers(properties: Readonly<Record<string, TypeDefinition>>, free: FreeSamples): unknown {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, sampleOf(property, free)]),
  );
}

function firstText(declared: readonly unknown[] | undefined): string | undefined {
  const [first] = declared ?? [];
  return typeof first === 'string' ? first : undefined;
}

function sampleText(format: TypeDefinition['format']): string {
  switch (format) {
    case 'date':
      return '2000-01-01';
    case 'time':
      return '00:00:00';
    case 'date-time':
      return '2000-01-01T00:00:00Z';
    case 'timestamp':
      return '0';
    default:
      return 'text';
  }
}
