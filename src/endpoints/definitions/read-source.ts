import type { KeyPath, YamlSource } from '../../config/index.js';
import type { Problem } from '../../errors/index.js';
import type { ResourceFields, ToolFields } from './definition-schema.js';
import type { EndpointSource } from './endpoint-definition.js';
import { readPythonSource } from './read-python-source.js';
import { readSqlSource } from './read-sql-source.js';
import { problemAt } from './schema-problems.js';

export interface SourceRequest {
  readonly fields: ToolFields | ResourceFields;
  /** `['tool']` or `['resource']`. */
  readonly base: KeyPath;
  readonly source: YamlSource;
  /** The text of the YAML file. */
  readonly text: string;
  readonly projectRoot: string;
}

export type SourceResult =
  | { readonly read: EndpointSource; readonly problems: readonly [] }
  | { readonly read?: undefined; readonly problems: readonly Problem[] };

/** Reads what an endpoint runs: SQL from its YAML file or a file of its own, or the name of a Python function. */
export async function readSource(request: SourceRequest): Promise<SourceResult> {
  const { fields, base, source } = request;
  const { code, file } = fields.source;
  const place = [...base, 'source'];
  if (Boolean(code) === Boolean(file)) {
    const message = code
      ? '"source" has both "code" and "file"; keep one'
      : '"source" needs "code" or "file"';
    return { problems: [problemAt(place, message, source)] };
  }
  // The language beside the source counts before the one within it.
  const language = fields.language ?? fields.source.language ?? 'sql';
  if (language === 'python') return readPythonSource(request);
  if (file?.endsWith('.py') !== true) return readSqlSource(request);
  const message =
    fields.language === 'sql' || fields.source.language === 'sql'
      ? `"${file}" is a Python file, but the language is sql; write "language: python"`
      : `"${file}" is a Python file, but without a language it would run as SQL; add "language: python" to the ${String(base[0])}`;
  return { problems: [problemAt([...place, 'file'], message, source)] };
}
