import { FileReadError } from '../../config/index.js';
import { MAX_FILE_BYTES } from './definition-text.js';
import { resolveNamedFile, toProjectPath, whyNamedUnreadable } from './project-path.js';
import { problemAt } from './schema-problems.js';
import type { SourceRequest, SourceResult } from './source-request.js';

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
