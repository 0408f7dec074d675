import { readDefinitionText } from './definition-text.js';
import { resolveNamedFile, toProjectPath, whyNamedUnreadable } from './project-path.js';
import { problemAt } from './schema-problems.js';
import type { SourceRequest, SourceResult } from './source-request.js';

/** Reads the SQL of an endpoint, from its YAML file or the file that names, once. */
export async function readSqlSource(request: SourceRequest): Promise<SourceResult> {
  const { base, source, run } = request;
  const { code, file } = run.source;
  if (!code) return readSqlFile(String(file), request);
  const path = [...base, 'source', 'code'];
  const place = {
    file: source.file,
    firstLine: source.lineOfText(path),
    keepsLines: source.keepsLines(path),
  };
  return { read: { language: 'sql', sql: { text: code, ...place } }, problems: [] };
}

async function readSqlFile(named: string, request: SourceRequest): Promise<SourceResult> {
  const { base, source, projectRoot, disk } = request;
  const place = [...base, 'source', 'file'];
  const path = resolveNamedFile(projectRoot, source.file, named);
  const file = toProjectPath(projectRoot, path);
  const read = await readDefinitionText(path, disk);
  const sqlFile = { path: file, mark: read.mark };
  const refuse = (why: string): SourceResult => ({
    sqlFile,
    problems: [problemAt(place, `the SQL file ${file} ${why}`, source)],
  });
  if (read.text === undefined) return refuse(whyNamedUnreadable(read.error));
  if (read.text.trim() === '') return refuse('is empty');
  const sql = { text: read.text, file, firstLine: 1, keepsLines: true };
  return { sqlFile, read: { language: 'sql', sql }, problems: [] };
}
