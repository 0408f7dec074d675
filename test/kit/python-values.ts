import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ColumnType } from '../../src/duckdb/statements/call-session.js';
import type { DatabaseSession, JsonValue, ParameterValue } from '../../src/duckdb/index.js';

const WORKER = join(import.meta.dirname, '../../src/python/worker');

/** Runs a script that finds the worker's modules; it reads one JSON text and writes one. Throws what it complains of. */
export async function askPython(script: string, request: unknown): Promise<unknown> {
  const child = spawn('python3', ['-B', script], {
    env: { ...process.env, PYTHONPATH: WORKER },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [output, complaint, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
    new Promise<void>((resolve) => child.stdin.end(JSON.stringify(request), resolve)),
  ]);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${complaint}`);
  return JSON.parse(output);
}

/** A result as it travels to Python. */
export interface TypedResult {
  readonly columns: readonly ColumnType[];
  readonly rows: readonly (readonly JsonValue[])[];
}

export async function executeIn(
  session: DatabaseSession,
  sql: string,
  parameters: Readonly<Record<string, ParameterValue>> = {},
): Promise<TypedResult> {
  const rows: (readonly JsonValue[])[] = [];
  let columns: readonly ColumnType[] = [];
  await session.execute(sql, parameters, {
    signal: new AbortController().signal,
    onColumns: (given) => {
      columns = given;
    },
    onRow: (row) => {
      rows.push(row);
    },
  });
  return { columns, rows };
}
