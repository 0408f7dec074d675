import type { Dirent } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { nearestName } from '../../errors/index.js';
import { type DiskReader, FileReadError } from '../../files/index.js';
import type { Finding, YamlSource } from '../../yaml/index.js';
import { MAX_FILE_BYTES, readDefinitionText, toProjectPath } from './definition-files.js';
import type { EndpointParts } from './definition-schema.js';
import type { EndpointSource, NamedFileFingerprint } from './endpoint-definition.js';

export interface SourceContext {
  readonly projectRoot: string;
  readonly disk: DiskReader;
}

interface SourceReading {
  /** Undefined if the endpoint has no source, or one with findings. */
  readonly source?: EndpointSource;
  readonly sqlFile?: NamedFileFingerprint;
  readonly findings: readonly Finding[];
}

/** Reads what an endpoint runs: SQL from its YAML file or from a file of its own, or the name of a Python function. */
export async function readSource(
  parts: EndpointParts,
  yaml: YamlSource,
  context: SourceContext,
): Promise<SourceReading> {
  const { kind, run } = parts;
  if (run === undefined) return { findings: [] };
  const { code, file, language } = run.source;
  const refuse = (message: string, ...key: string[]): SourceReading => ({
    findings: [{ at: [kind, 'source', ...key], message }],
  });
  if (code && file) return refuse('`source` has both `code` and `file`; keep one');
  if (!code && !file) return refuse('`source` needs `code` or `file`');
  // `language` beside `source` overrides the one inside it.
  if ((run.language ?? language) === 'python') return readPythonSource(parts, yaml, context);
  if (file?.endsWith('.py') !== true)
    return code ? readSqlCode(code, parts, yaml) : readSqlFile(String(file), parts, yaml, context);
  const message =
    run.language === 'sql' || language === 'sql'
      ? `"${file}" is a Python file, but the language is \`sql\`; write \`language: python\``
      : `"${file}" is a Python file, but without a language it would run as SQL; add \`language: python\` to the ${kind}`;
  return refuse(message, 'file');
}

function readSqlCode(text: string, { kind }: EndpointParts, yaml: YamlSource): SourceReading {
  const at = [kind, 'source', 'code'];
  const lineInFile = (index: number): number => yaml.lineOfText(at, index);
  const columnInFile = (index: number, column: number): number | undefined => yaml.columnOfText(at, index, column);
  return { source: { language: 'sql', sql: { text, file: yaml.file, lineInFile, columnInFile } }, findings: [] };
}

async function readSqlFile(
  named: string,
  { kind }: EndpointParts,
  yaml: YamlSource,
  { projectRoot, disk }: SourceContext,
): Promise<SourceReading> {
  const path = resolveNamedFile(projectRoot, yaml.file, named);
  const file = toProjectPath(projectRoot, path);
  const { contentHash, ...read } = await readDefinitionText(path, disk, MAX_FILE_BYTES);
  const sqlFile = { path: file, contentHash };
  const refuse = (reason: string): SourceReading => ({
    sqlFile,
    findings: [{ at: [kind, 'source', 'file'], message: `the SQL file ${file} ${reason}` }],
  });
  if (read.text === undefined) return refuse(await explainNamedFile(read.error, { named, path, projectRoot, disk }));
  if (read.text.trim() === '') return refuse('is empty');
  const lineInFile = (index: number): number => index + 1;
  const columnInFile = (_index: number, column: number): number => column;
  const sql = { text: read.text, file, lineInFile, columnInFile };
  return { sqlFile, source: { language: 'sql', sql }, findings: [] };
}

/** Only checks that the Python file is readable: a generation takes the code when it is built, at every reload. */
async function readPythonSource(
  { kind, run, functionName }: EndpointParts,
  yaml: YamlSource,
  { projectRoot, disk }: SourceContext,
): Promise<SourceReading> {
  const refuse = (message: string, key: 'code' | 'file' = 'file'): SourceReading => ({
    findings: [{ at: [kind, 'source', key], message }],
  });
  if (run?.source.code) return refuse(explainInlineCode(functionName), 'code');
  const named = String(run?.source.file);
  const path = resolveNamedFile(projectRoot, yaml.file, named);
  const file = toProjectPath(projectRoot, path);
  if (!file.endsWith('.py')) return refuse(`"${named}" does not end in .py, so Python cannot import it`);
  if (file.startsWith('../'))
    return refuse(
      `"${named}" is outside the project; move it into the project, because code is loaded only from there`,
    );
  try {
    await disk.readFile(path, MAX_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    return refuse(`the Python file ${file} ${await explainNamedFile(error, { named, path, projectRoot, disk })}`);
  }
  const namedAt = () => yaml.positionOfKey([kind, 'source', 'file']);
  return { source: { language: 'python', python: { file, functionName, namedAt } }, findings: [] };
}

function explainInlineCode(functionName = 'main'): string {
  return (
    'Python code cannot be in the YAML file, because imports and tracebacks need a file; ' +
    `define the function "${functionName}" in a file below python/ and name that file with \`file\``
  );
}

/** A path in an endpoint file: relative to that file, or to the project if it begins with "/". */
export function resolveNamedFile(projectRoot: string, endpointFile: string, named: string): string {
  const fromRoot = isAbsolute(named) ? join('.', named) : join(dirname(endpointFile), named);
  return join(projectRoot, fromRoot);
}

interface NamedFile extends SourceContext {
  /** As the definition has it. */
  readonly named: string;
  readonly path: string;
}

/** Why a file that a definition names cannot be read, as the end of a sentence about it. */
export async function explainNamedFile({ message, missing }: FileReadError, file: NamedFile): Promise<string> {
  if (!missing) return message;
  const meant = await findMeant(file);
  const hint = '; paths are relative to the YAML file, or to the project if they begin with "/"';
  return `${message}${meant === undefined ? '' : `; did you mean "${meant}"?`}${hint}`;
}

/** The file that was probably meant: at the same path below the project, or with a similar name in the same folder. */
async function findMeant({ named, path, projectRoot, disk }: NamedFile): Promise<string | undefined> {
  const fromRoot = named.replace(/^(?:\.{0,2}\/)+/, '');
  if (await exists(join(projectRoot, fromRoot), disk)) return `/${fromRoot}`;
  const entries = await disk.listFolder(dirname(path)).catch(ignoreUnreadable);
  const files = entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  const nearest = nearestName(basename(path), files);
  return nearest === undefined ? undefined : join(dirname(named), nearest);
}

function exists(path: string, disk: DiskReader): Promise<boolean> {
  return disk.stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/** There is no suggestion then. */
function ignoreUnreadable(error: unknown): readonly Dirent[] {
  if (error instanceof FileReadError) return [];
  throw error;
}
