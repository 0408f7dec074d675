import { createHash } from 'node:crypto';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { Problem } from '../../errors/index.js';
import { decodeText, type DiskReader, FileReadError } from '../../files/index.js';
import type { KeyPath, YamlSource } from '../../yaml/index.js';
import type { RunFields } from './definition-parts.js';
import type { EndpointSource, SqlFileMark } from './endpoint-definition.js';
import { problemAt } from './schema-problems.js';

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

export interface SourceRequest {
  readonly run: RunFields;
  /** `['tool']` or `['resource']`. */
  readonly base: KeyPath;
  readonly source: YamlSource;
  readonly projectRoot: string;
  readonly disk: DiskReader;
}

export type SourceResult = { readonly sqlFile?: SqlFileMark | undefined } & (
  | { readonly read: EndpointSource; readonly problems: readonly [] }
  | { readonly read?: undefined; readonly problems: readonly Problem[] }
);

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

/**
 * Reads which Python function an endpoint calls. Only that the file is there is looked at: a generation takes its code as
 * it is when the generation is built, which every reload does anew.
 */
export async function readPythonSource(request: SourceRequest): Promise<SourceResult> {
  const { run, base, source, projectRoot, disk } = request;
  const { functionName } = run;
  const refuse = (key: 'code' | 'file', message: string): SourceResult => ({
    problems: [problemAt([...base, 'source', key], message, source)],
  });
  const { code, file: named } = run.source;
  if (code) return refuse('code', inlineCodeMessage(functionName));
  const path = resolveNamedFile(projectRoot, source.file, String(named));
  const file = toProjectPath(projectRoot, path);
  if (!file.endsWith('.py'))
    return refuse('file', `"${named}" does not end in .py, so it cannot be imported`);
  if (file.startsWith('../'))
    return refuse('file', `"${named}" lies outside the project; Python code is loaded from the project only`);
  try {
    await disk.readFile(path, MAX_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    return refuse('file', `the Python file ${file} ${whyNamedUnreadable(error)}`);
  }
  const namedAt = source.positionOfKey([...base, 'source', 'file']);
  return { read: { language: 'python', python: { file, functionName, namedAt } }, problems: [] };
}

function inlineCodeMessage(functionName = 'main'): string {
  return (
    'Python code within the YAML file is not run, because a module needs a file to be imported from and to be shown in ' +
    `tracebacks; put it as the function "${functionName}" into a file below python/ and name that file with "file"`
  );
}

/** Far more than a person writes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Files read at once: hides the latency of the disk; each is worked on as its text arrives. */
export const PARALLEL_READS = 8;

/** The mark of what cannot be read. */
export const UNREADABLE = 'unreadable';

/** One file of a definition as it was when it was read. Equal marks mean equal content. */
export type DefinitionText = { readonly mark: string } & (
  | { readonly text: string }
  | { readonly text?: undefined; readonly error: FileReadError }
);

/** Reads an endpoint file, or the SQL file that one names. */
export async function readDefinitionText(path: string, disk: DiskReader): Promise<DefinitionText> {
  try {
    return toDefinitionText(await disk.readFile(path, MAX_FILE_BYTES));
  } catch (error) {
    if (error instanceof FileReadError) return { mark: UNREADABLE, error };
    throw error;
  }
}

function toDefinitionText(bytes: Buffer): DefinitionText {
  const mark = createHash('sha256').update(bytes).digest('hex');
  try {
    return { mark, text: decodeText(bytes) };
  } catch (error) {
    if (error instanceof FileReadError) return { mark, error };
    throw error;
  }
}

/** A path as problems and listings show it: relative to the project, with forward slashes. */
export function toProjectPath(projectRoot: string, path: string): string {
  return relative(projectRoot, path).split(sep).join('/');
}

/** A path that an endpoint file names: relative to that file, or to the project when it begins with "/". */
export function resolveNamedFile(projectRoot: string, endpointFile: string, named: string): string {
  const fromRoot = isAbsolute(named) ? join('.', named) : join(dirname(endpointFile), named);
  return join(projectRoot, fromRoot);
}

/** Why a file that a definition names cannot be read, as the end of a sentence about it. */
export function whyNamedUnreadable({ message, missing }: FileReadError): string {
  const hint = '; paths are relative to the YAML file, or to the project when they begin with "/"';
  return `${message}${missing ? hint : ''}`;
}
