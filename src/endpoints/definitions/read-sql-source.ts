import type { KeyPath } from '../../config/index.js';
import { readDefinitionText } from './definition-text.js';
import type { SqlSource } from './endpoint-definition.js';
import { resolveNamedFile, toProjectPath, whyNamedUnreadable } from './project-path.js';
import { problemAt } from './schema-problems.js';
import type { SourceRequest, SourceResult } from './source-request.js';

/** Reads the SQL of an endpoint, from its YAML file or the file that names, once. */
export async function readSqlSource(request: SourceRequest): Promise<SourceResult> {
  const { code, file } = request.run.source;
  if (!code) return readSqlFile(String(file), request);
  const sql = sqlInYaml(code, [...request.base, 'source', 'code'], request);
  return { read: { language: 'sql', sql }, problems: [] };
}

function sqlInYaml(code: string, path: KeyPath, { source, text }: SourceRequest): SqlSource {
  const { line = 1, column = 1 } = source.positionOf(path);
  // The text of a block scalar begins on the line below its `|` or `>`.
  const isBlock = /^[|>]/.test(text.split('\n', line)[line - 1]?.slice(column - 1) ?? '');
  return { text: code, file: source.file, firstLine: isBlock ? line + 1 : line };
}

async function readSqlFile(named: string, request: SourceRequest): Promise<SourceResult> {
  const { base, source, projectRoot } = request;
  const place = [...base, 'source', 'file'];
  const path = resolveNamedFile(projectRoot, source.file, named);
  const file = toProjectPath(projectRoot, path);
  const read = await readDefinitionText(path);
  const sqlFile = { path: file, mark: read.mark };
  const refuse = (why: string): SourceResult => ({
    sqlFile,
    problems: [problemAt(place, `the SQL file ${file} ${why}`, source)],
  });
  if (read.text === undefined) return refuse(whyNamedUnreadable(read.error));
  if (read.text.trim() === '') return refuse('is empty');
  return { sqlFile, read: { language: 'sql', sql: { text: read.text, file, firstLine: 1 } }, problems: [] };
}
