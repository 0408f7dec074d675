import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { messageOf, MxcpError } from '../../errors/index.js';
import { createFolder } from '../../files/index.js';
import { Disposer } from '../../lifecycle/index.js';
import type { CommandModule, Options } from '../command/command.js';

const DEFAULT_PROFILE = 'dev';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Creates a project. It asks no questions and overwrites no file. */
export const run: CommandModule['run'] = async ([given = '.'], options, { cwd, output }) => {
  const folder = resolve(cwd, given);
  const names = {
    project: readProject(options, folder),
    profile: readName('--profile', options, DEFAULT_PROFILE),
  };
  const files = [...firstFiles(names), ...(options['bootstrap'] === true ? exampleFiles() : [])];
  refuseExisting(folder, files);
  const written = await writeFiles(folder, files);
  if (options['jsonOutput'] === true) {
    output.json({ status: 'ok', result: { ...names, folder, files: written } });
  } else {
    for (const path of written) output.print(`wrote ${join(relative(cwd, folder), path)}`);
    for (const line of nextSteps(relative(cwd, folder))) output.print(line);
  }
  return 0;
};

function readProject(options: Options, folder: string): string {
  const fromFolder = basename(folder)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return readName('--project', options, NAME.test(fromFolder) ? fromFolder : 'project');
}

function readName(flag: '--project' | '--profile', options: Options, fallback: string): string {
  const name = options[flag.slice(2)] ?? fallback;
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new MxcpError(
    'usage',
    `${flag} must be letters, digits, "-" and "_", starting with a letter or digit, not ${JSON.stringify(name)}`,
  );
}

/** Throws before anything is written, so that an existing project is never mixed with a new one. */
function refuseExisting(folder: string, files: readonly ProjectFile[]): void {
  const existing = files.map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
  if (existing.length === 0) return;
  throw new MxcpError(
    'usage',
    `"${folder}" already has ${existing.join(', ')}, which is not overwritten; choose another folder`,
  );
}

/** Writes all files or none: the next attempt would refuse a half-written project. */
async function writeFiles(folder: string, files: readonly ProjectFile[]): Promise<readonly string[]> {
  const ignored = existsSync(join(folder, IGNORED.path)) ? [] : [IGNORED];
  const all = [...files, ...ignored];
  const written = new Disposer();
  try {
    for (const { path, text } of all) await writeNewFile(join(folder, path), text, written);
  } catch (error) {
    await written.dispose();
    throw new MxcpError('usage', `cannot write the project: ${messageOf(error)}`, { cause: error });
  }
  return all.map(({ path }) => path);
}

async function writeNewFile(file: string, text: string, written: Disposer): Promise<void> {
  const created = await createFolder(dirname(file));
  // It contains only files that were written here, and those are removed before it.
  if (created !== undefined) written.defer(() => rm(created, { recursive: true }));
  // `wx` does not overwrite a file that appeared in the meantime either.
  const handle = await open(file, 'wx');
  written.defer(() => rm(file));
  await handle.writeFile(text).finally(() => handle.close());
}

function nextSteps(folder: string): readonly string[] {
  const quoted = /^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder);
  const enter = folder === '' ? [] : [`  cd ${quoted}`];
  return ['\nNext:', ...enter, '  mxcp validate', '  mxcp run tool hello -p name=Ada', '  mxcp serve'];
}

interface ProjectFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
}

interface ProjectNames {
  readonly project: string;
  readonly profile: string;
}

/** A project with one tool. */
function firstFiles({ project, profile }: ProjectNames): readonly ProjectFile[] {
  return [
    {
      path: 'mxcp-site.yml',
      text: `mxcp: 1
project: "${project}"
profile: "${profile}"

profiles:
  "${profile}":
    duckdb:
      # Created if it does not exist. Relative to this file.
      path: data/${profile}.duckdb
`,
    },
    {
      path: 'tools/hello.yml',
      text: `mxcp: 1
tool:
  name: hello
  description: Greets a person by name.
  annotations:
    readOnlyHint: true
  parameters:
    - name: name
      type: string
      description: The person to greet.
      examples: [Ada]
      default: world
      maxLength: 100
  return:
    type: object
    properties:
      greeting: { type: string }
      served_at: { type: string, format: date-time }
    required: [greeting]
  source:
    code: |
      SELECT
        'Hello, ' || $name || '!' AS greeting,
        now() AS served_at
`,
    },
  ];
}

/** One resource and one prompt. */
function exampleFiles(): readonly ProjectFile[] {
  return [
    {
      path: 'resources/settings.yml',
      text: `mxcp: 1
resource:
  uri: database://settings/{setting}
  name: database_setting
  description: A setting of the database, by name.
  mime_type: application/json
  parameters:
    - name: setting
      type: string
      description: The name of the setting.
      examples: [memory_limit]
  return:
    type: object
    properties:
      name: { type: string }
      value: { type: string }
      description: { type: string }
  source:
    file: ../sql/setting.sql
`,
    },
    {
      path: 'sql/setting.sql',
      text: `SELECT name, value, description
FROM duckdb_settings()
WHERE name = $setting
`,
    },
    {
      path: 'prompts/introduce.yml',
      text: `mxcp: 1
prompt:
  name: introduce
  description: Asks the assistant to greet a person and explain what it can do here.
  parameters:
    - name: name
      type: string
      description: The person to greet.
  messages:
    - role: user
      prompt: |
        Call the tool hello with the name {{ name }}, then explain in two sentences what the tools of this server can do.
`,
    },
  ];
}

const IGNORED: ProjectFile = {
  path: '.gitignore',
  text: `# Databases and sockets are created here and not committed.
data/
*.duckdb
*.duckdb.wal
.*.mxcp*
*.sock
# Values of references.
*.env
secrets/
`,
};
