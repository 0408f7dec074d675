import { join } from 'node:path';
import { z } from 'zod';
import type { JsonValue } from '../../../../src/duckdb/index.js';
import { askPython } from '../../../kit/python-values.js';

const SCRIPT = join(import.meta.dirname, 'convert.py');
const results = z.array(
  z.union([
    z.object({ shape: z.enum(['list', 'value']), texts: z.array(z.string()) }),
    z.object({ error: z.string() }),
  ]),
);

export type Result = z.infer<typeof results>[number];

/** What results the worker gives for expressions of Python, arguments of a call, or rows of a query. */
export async function toResults(
  source: 'results' | 'arguments' | 'rows',
  items: readonly unknown[],
): Promise<readonly Result[]> {
  return results.parse(await askPython(SCRIPT, { do: source, items }));
}

/** Type and value of each. */
export async function show(
  source: 'show' | 'show-rows' | 'show-arguments',
  items: readonly unknown[],
): Promise<readonly string[]> {
  return z.array(z.string()).parse(await askPython(SCRIPT, { do: source, items }));
}

/** The parameters of a query as the worker sends them: each item is `$x`, or with `encode-all` all of them. */
export async function encode(source: 'encode' | 'encode-all', expressions: readonly string[]) {
  return z.array(z.json()).parse(await askPython(SCRIPT, { do: source, items: expressions }));
}

/** The JSON of a result. Throws the error of the worker. */
export function jsonOf(result: Result | undefined): unknown {
  if (result === undefined || 'error' in result) throw new Error(result?.error ?? 'nothing came');
  const values: unknown[] = result.texts.map((text) => JSON.parse(text));
  return result.shape === 'list' ? values : values[0];
}

/** As it is once it was sent as JSON, so without -0. */
export function toJsonValue(value: unknown): JsonValue {
  const parsed: JsonValue = JSON.parse(JSON.stringify(value));
  return parsed;
}
