import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { messageOf, MxcpError } from '../../errors/index.js';
import { createFolder } from '../../files/index.js';
import { Disposer } from '../../lifecycle/index.js';
import type { CommandModule, Options } from '../kit/command.js';
import type { Output } from '../kit/output.js';

const DEFAULT_PROFILE = 'dev';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Writes a project. It asks nothing and overwrites nothing. */
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
    tell(output, written, relative(cwd, folder));
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
  throw new MxcpError('usage', `${flag} must be letters, digits, - and _, not ${JSON.stringify(name)}`);
}

/** Refuses before anything is written, so that a project that was there already is not mixed with a new one. */
function refuseExisting(folder: string, files: readonly ProjectFile[]): void {
  const existing = files.map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
  if (existing.length === 0) return;
  throw new MxcpError(
    'usage',
    `${folder} has ${existing.join(', ')} already, and nothing is overwritten; choose another folder`,
  );
}

/** All of them, or none: a half-written project would refuse the next attempt. */
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
  const firstMade = await createFolder(dirname(file));
  // Only what is new is in it: the files that were written, which are removed before.
  if (firstMade !== undefined) written.defer(() => rm(firstMade, { recursive: true }));
  // `wx`: also what appeared in the meantime is not overwritten.
  const handle = await open(file, 'wx');
  written.defer(() => rm(file));
  await handle.writeFile(text).finally(() => handle.close());
}

function tell(output: Output, written: readonly string[], folder: string): void {
  for (const path of written) output.print(`wrote ${join(folder, path)}`);
  output.print('\nNext:');
  if (folder !== '') output.print(`  cd ${/^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder)}`);
  output.print('  mxcp validate');
  output.print('  mxcp run tool hello -p name=Ada');
  output.print('  mxcp serve');
}

export interface ProjectFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
}

export interface ProjectNames {
  readonly project: string;
  readonly profile: string;
}

/** A project that serves one tool. */
export function firstFiles({ project, profile }: ProjectNames): readonly ProjectFile[] {
  return [
    {
      path: 'mxcp-site.yml',
      text: `mxcp: 1
project: "${project}"
profile: "${profile}"

profiles:
  "${profile}":
    duckdb:
      # Made when it is not there. Relative to this file.
      path: data/${profile}.duckdb
`,
    },
    {
      path: 'tools/hello.yml',
      text: `mxcp: 1
tool:
  name: hello
  description: Greets somebody by name.
  annotations:
    readOnlyHint: true
  parameters:
    - name: name
      type: string
      description: Whom to greet.
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

/** An example of a resource and of a prompt. */
export function exampleFiles(): readonly ProjectFile[] {
  return [
    {
      path: 'resources/settings.yml',
      text: `mxcp: 1
resource:
  uri: database://settings/{setting}
  name: database_setting
  description: One setting of the database, by its name.
  mime_type: application/json
  parameters:
    - name: setting
      type: string
      description: Name of the setting.
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
  description: Asks the assistant to greet somebody and say what it can do here.
  parameters:
    - name: name
      type: string
      description: Whom to greet.
  messages:
    - role: user
      prompt: |
        Call the tool hello with the name {{ name }}, then say in two sentences what the tools of this server can do.
`,
    },
  ];
}

export const IGNORED: ProjectFile = {
  path: '.gitignore',
  text: `# Databases and sockets are made here, not kept.
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
