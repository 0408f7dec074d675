import type { ParameterValue } from '../../runtime/index.js';
import type { ParameterDefinition, TypeDefinition } from '../definitions/definition-schema.js';
import { toParameterValue } from './bind.js';

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
