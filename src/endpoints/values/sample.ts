import type { ParameterValue } from '../../runtime/index.js';
import type { ParameterDefinition, TypeDefinition } from '../definitions/definition-schema.js';
import { toParameterValue } from './bind.js';

/** A value of each declared parameter, of the SQL type that a call would bind, so that a statement can be compiled. */
export function toSampleParameters(
  parameters: readonly ParameterDefinition[],
): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(
    parameters.map(
      (parameter) => [parameter.name, toParameterValue(parameter, sampleOf(parameter))] as const,
    ),
  );
}

function sampleOf(type: TypeDefinition): unknown {
  switch (type.type) {
    case 'string':
      return sampleText(type.format);
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    case 'array':
      return [type.items === undefined ? 'text' : sampleOf(type.items)];
    case 'object':
      return Object.fromEntries(
        Object.entries(type.properties ?? {}).map(([name, property]) => [name, sampleOf(property)]),
      );
  }
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
