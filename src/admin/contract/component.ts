import { z } from 'zod';

/** The schemas that OpenAPI lists under `components`. A registry of our own: zod's global one is everybody's. */
export const components = z.registry<{ id: string; description: string }>();

/** Gives a schema its name in the OpenAPI document. */
export function component<S extends z.ZodType>(id: string, description: string, schema: S): S {
  components.add(schema, { id, description });
  return schema;
}

/** UTC to the second, e.g. `2024-01-15T10:30:00Z`: the form that `fromdate` of jq reads. */
export const timestampToSecond = component(
  'Timestamp',
  'UTC, to the second.',
  z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    .meta({ format: 'date-time' }),
);

/** UTC to the millisecond, in reload records. */
export const timestampToMs = component(
  'TimestampMs',
  'UTC, to the millisecond.',
  z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    .meta({ format: 'date-time' }),
);

export const count = z.int().min(0);
