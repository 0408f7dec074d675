import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Text, lines or bytes. */
type FileContent = string | readonly string[] | Uint8Array;
/** Contents by path within the project. */
export type ProjectFiles = Readonly<Record<string, FileContent>>;

const SITE = ['mxcp: 1', 'project: shop', 'profile: dev'];

/** A project folder that a test changes as an operator would. Gone with the test that disposes it. */
export class TemporaryProject implements Disposable {
  /** Short, so that a socket fits in it. */
  readonly root = mkdtempSync(join(tmpdir(), 'mxcp-p-'));

  constructor(files: ProjectFiles = {}) {
    for (const [name, content] of Object.entries({ 'mxcp-site.yml': SITE, ...files })) this.write(name, content);
  }

  get socketPath(): string {
    return this.path('mxcp.sock');
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, content: FileContent): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), isLines(content) ? `${content.join('\n')}\n` : content);
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  /** As `mv from to` does: in one step, also over what is there. */
  rename(from: string, to: string): void {
    renameSync(this.path(from), this.path(to));
  }

  chmod(name: string, mode: number): void {
    chmodSync(this.path(name), mode);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function isLines(content: FileContent): content is readonly string[] {
  return Array.isArray(content);
}

/** A project that is removed when the test ends. */
export function createProject(files: ProjectFiles = {}): TemporaryProject {
  const project = new TemporaryProject(files);
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

/** The file of one SQL tool without parameters; `fields` are more lines below `tool:`. */
export function sqlTool(name: string, sql: string, fields: readonly string[] = []): readonly string[] {
  return [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    ...fields.map((field) => `  ${field}`),
    '  source:',
    '    code: |',
    ...sql.split('\n').map((line) => `      ${line}`),
  ];
}

/** A resource of SQL on one line, with further fields. */
export function sqlResource(uri: string, sql: string, ...fields: readonly string[]): readonly string[] {
  return [
    'mxcp: 1',
    'resource:',
    `  uri: ${uri}`,
    ...fields.map((field) => `  ${field}`),
    `  source: { code: ${sql} }`,
  ];
}

/** A user configuration whose active profile has these secrets, each a list of lines. */
export function userConfig(...secrets: readonly (readonly string[])[]): readonly string[] {
  return [
    'mxcp: 1',
    'projects:',
    '  shop:',
    '    profiles:',
    '      dev:',
    ...(secrets.length === 0 ? ['        secrets: []'] : ['        secrets:']),
    ...secrets.flatMap(([first = '', ...rest]) => [
      `          - ${first}`,
      ...rest.map((line) => `            ${line}`),
    ]),
  ];
}

/** A secret of DuckDB's type `http`; its token is only seen by its effect. */
export function httpSecret(name: string, token: string): readonly string[] {
  return [`name: ${name}`, 'type: http', 'parameters:', `  BEARER_TOKEN: ${token}`];
}

/** The file of one tool whose function has the name of the tool; `fields` are more lines below `tool:`. */
export function pythonTool(name: string, file: string, fields: readonly string[] = []): readonly string[] {
  return [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    '  language: python',
    ...fields.map((field) => `  ${field}`),
    '  source:',
    `    file: ../${file}`,
  ];
}
