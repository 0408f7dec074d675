import { z } from 'zod';

/** Text that is there: empty text in a configuration is always a slip. */
export const text = z.string().min(1);

/** A mapping with known keys; left out or empty, it is all defaults. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as z.input<z.ZodObject<Shape, z.core.$strict>>);
}

export function folder(name: string) {
  return text.default(name);
}

/** `mxcp: 1`. Text instead of the number is how older projects are told apart. */
export function formatVersion(mend: string) {
  return z
    .literal(1, {
      error: (issue) =>
        typeof issue.input === 'string'
          ? `is text, as projects of an older format have it; ${mend} \`mxcp: 1\` without quotes`
          : 'must be 1, the only version of the format there is',
    })
    .default(1);
}
