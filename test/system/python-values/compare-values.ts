import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { parseTaggedParameters, type DatabaseSession, type JsonValue } from '../../../src/duckdb/index.js';
import { openDatabase } from '../../integration/duckdb/temporary-database.js';
import { askPython, executeIn } from '../../kit/python-values.js';

const SCRIPT = join(import.meta.dirname, 'compare.py');
const comparisons = z.array(z.object({ of: z.string(), ours: z.string(), theirs: z.string() }));
const encodings = z.array(z.union([z.object({ parameters: z.json() }), z.object({ error: z.string() })]));

export type Comparison = z.infer<typeof comparisons>[number];

/** The lines of a file beside this one, without comments. */
export function linesOf(name: string): readonly string[] {
  const lines = readFileSync(join(import.meta.dirname, name), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

export async function openSession(): Promise<DatabaseSession> {
  return (await openDatabase()).openSession(ANONYMOUS);
}

/** Statements as the server runs them for Python code, beside the same ones in DuckDB's Python package. */
export async function compareRows(
  session: DatabaseSession,
  timeZone: string,
  statements: readonly string[],
): Promise<readonly Comparison[]> {
  await executeIn(session, `SET TimeZone = '${timeZone}'`);
  const queries = [];
  for (const sql of statements) queries.push({ sql, ...(await executeIn(session, sql)) });
  return comparisons.parse(await askPython(SCRIPT, { do: 'compare', timeZone, queries }));
}

/** Values of Python as they come back when they are given as `$x`. What cannot be sent is reported instead. */
export async function compareParameters(expressions: readonly string[]): Promise<readonly Comparison[]> {
  const session = await openSession();
  await executeIn(session, "SET TimeZone = 'UTC'");
  const encoded = encodings.parse(await askPython(SCRIPT, { do: 'encode', expressions }));
  const queries = [];
  for (const [at, expression] of expressions.entries()) {
    const given = encoded[at] ?? { error: 'missing' };
    const sql = 'SELECT $x AS v';
    const result =
      'error' in given
        ? { columns: [{ name: 'error', type: 'json' }], rows: [[given.error]] }
        : await executeIn(session, sql, parseTaggedParameters(toJsonValue(given.parameters)));
    queries.push({ sql, expression, ...result });
  }
  return comparisons.parse(await askPython(SCRIPT, { do: 'compare', timeZone: 'UTC', queries }));
}

/** What becomes of each expression of Python as the result of a function: its shape, and its texts. */
export async function toResults(expressions: readonly string[]): Promise<readonly (readonly string[])[]> {
  return z.array(z.array(z.string())).parse(await askPython(SCRIPT, { do: 'results', expressions }));
}

export function differences(compared: readonly Comparison[]): readonly Comparison[] {
  return compared.filter(({ ours, theirs }) => ours !== theirs);
}

function toJsonValue(value: z.core.util.JSONType): JsonValue {
  return value;
}
