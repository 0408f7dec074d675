import { z } from 'zod';

/** The schemas that OpenAPI lists under `components`. A registry of our own: zod's global one is shared by the whole process. */
export const components = z.registry<{ id: string; description: string }>();

/** Gives a schema its name in the OpenAPI document. */
export function component<S extends z.ZodType>(id: string, description: string, schema: S): S {
  components.add(schema, { id, description });
  return schema;
}
