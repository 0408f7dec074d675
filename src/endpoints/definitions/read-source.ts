import { readPythonSource } from './read-python-source.js';
import { readSqlSource } from './read-sql-source.js';
import { problemAt } from './schema-problems.js';
import type { SourceRequest, SourceResult } from './source-request.js';

/** Reads what an endpoint runs: SQL from its YAML file or a file of its own, or the name of a Python function. */
export async function readSource(request: SourceRequest): Promise<SourceResult> {
  const { run, base, source } = request;
  const { code, file } = run.source;
  const place = [...base, 'source'];
  if (Boolean(code) === Boolean(file)) {
    const message = code
      ? '"source" has both "code" and "file"; keep one'
      : '"source" needs "code" or "file"';
    return { problems: [problemAt(place, message, source)] };
  }
  // The language beside the source counts before the one within it.
  const language = run.language ?? run.source.language ?? 'sql';
  if (language === 'python') return readPythonSource(request);
  if (file?.endsWith('.py') !== true) return readSqlSource(request);
  const message =
    run.language === 'sql' || run.source.language === 'sql'
      ? `"${file}" is a Python file, but the language is sql; write "language: python"`
      : `"${file}" is a Python file, but without a language it would run as SQL; add "language: python" to the ${String(base[0])}`;
  return { problems: [problemAt([...place, 'file'], message, source)] };
}
