import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { Problem } from '../../errors/index.js';
import type { ResourceFields, ToolFields } from './definition-schema.js';
import type { SqlSource } from './endpoint-definition.js';
import { problemAt } from './schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';

export interface SqlSourceRequest {
  readonly fields: ToolFields | ResourceFields;
  /** `['tool']` or `['resource']`. */
  readonly base: KeyPath;
  readonly source: YamlSource;
  /** The text of the YAML file. */
  readonly text: string;
  readonly projectRoot: string;
}

export type SqlSourceResult =
  | { readonly sql: SqlSource; readonly problems: readonly [] }
  | { readonly sql?: undefined; readonly problems: readonly Problem[] };

/** Reads the SQL of an endpoint, from its YAML file or the file that names, once. */
export async function readSqlSource(request: SqlSourceRequest): Promise<SqlSourceResult> {
  const { fields, base, source } = request;
  const { code, file } = fields.source;
  const path = [...base, 'source'];
  if (Boolean(code) === Boolean(file)) {
    const message = code
      ? '"source" has both "code" and "file"; keep one'
      : '"source" needs "code" or "file"';
    return { problems: [problemAt(path, message, source)] };
  }
  const python = findPython(fields, base);
  if (python !== undefined) {
    const message = 'this version does not run Python endpoints; write it in SQL or remove the file';
    return { problems: [problemAt(python, message, source)] };
  }
  if (code) return { sql: sqlInYaml(code, [...path, 'code'], request), problems: [] };
  return readSqlFile(String(file), request);
}

function findPython(fields: ToolFields | ResourceFields, base: KeyPath): KeyPath | undefined {
  if (fields.language === 'python') return [...base, 'language'];
  if (fields.source.language === 'python') return [...base, 'source', 'language'];
  return fields.source.file?.endsWith('.py') === true ? [...base, 'source', 'file'] : undefined;
}

function sqlInYaml(code: string, path: KeyPath, { source, text }: SqlSourceRequest): SqlSource {
  const { line = 1, column = 1 } = source.positionOf(path);
  // The text of a block scalar begins on the line below its `|` or `>`.
  const isBlock = /^[|>]/.test(text.split('\n', line)[line - 1]?.slice(column - 1) ?? '');
  return { text: code, file: source.file, firstLine: isBlock ? line + 1 : line };
}

async function readSqlFile(file: string, request: SqlSourceRequest): Promise<SqlSourceResult> {
  const { base, source, projectRoot } = request;
  const place = [...base, 'source', 'file'];
  const fromRoot = isAbsolute(file) ? join('.', file) : join(dirname(source.file), file);
  const path = toProjectPath(projectRoot, join(projectRoot, fromRoot));
  try {
    const text = await readFile(join(projectRoot, fromRoot), 'utf8');
    if (text.trim() === '') return { problems: [problemAt(place, `the SQL file ${path} is empty`, source)] };
    return { sql: { text, file: path, firstLine: 1 }, problems: [] };
  } catch (error) {
    return { problems: [problemAt(place, `the SQL file ${path} ${reasonOf(error)}`, source)] };
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT')
    return 'does not exist; paths are relative to the YAML file, or to the project when they begin with "/"';
  if (code === 'EISDIR') return 'is a folder';
  return code === 'EACCES' ? 'may not be read (permission denied)' : `cannot be read (${code})`;
}

/** A path as problems and listings show it: relative to the project, with forward slashes. */
export function toProjectPath(projectRoot: string, path: string): string {
  return relative(projectRoot, path).split(sep).join('/');
}
