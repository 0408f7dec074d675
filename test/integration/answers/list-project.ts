import { mkdirSync } from 'node:fs';
import type { Client } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { connectTo } from '../../kit/mcp-client.js';
import { createProject, type ProjectFiles } from '../../kit/projects/temporary-project.js';

export const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', 'sql_tools: { enabled: true }'];
export const COUNT = 'SELECT i FROM range($n) t(i)';
export const HOW_MANY = 'parameters: [{ name: n, type: integer }]';
export const LIST = 'return: { type: array, items: { type: object, properties: { i: { type: integer } } } }';

export const PYTHON = [
  'import itertools',
  'def numbers(n):',
  '    return [{"i": i} for i in range(n)]',
  'def endless():',
  '    return ({"i": i} for i in itertools.count())',
];

export function pythonTool(name: string, fields: readonly string[] = []): readonly string[] {
  const shared = [
    'mxcp: 1',
    'tool:',
    `  name: ${name}`,
    '  language: python',
    '  source: { file: ../python/lists.py }',
  ];
  return [...shared, ...fields.map((field) => `  ${field}`)];
}

/** `tables` are statements that make the database file before the start. */
export async function serve(files: ProjectFiles, ...tables: readonly string[]) {
  const project = createProject({ 'mxcp-site.yml': SITE, ...files });
  if (tables.length > 0) {
    mkdirSync(project.path('data'));
    await createDatabaseFile(project.path('data/db-dev.duckdb'), ...tables);
  }
  const server = await InProcessServer.start(project);
  const client = await connectTo(server.url);
  onTestFinished(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });
  return { project, server, client };
}

export interface Listed {
  readonly result: readonly { readonly i: number }[];
  readonly truncated?: boolean;
  readonly returned?: number;
  readonly total?: number;
  readonly next_offset?: number;
  readonly next_cursor?: string;
}

export async function call(client: Client, name: string, parameters: object = {}) {
  const { content, structuredContent, isError } = await client.callTool({ name, arguments: { ...parameters } });
  const texts = content.map((block) => (block.type === 'text' ? block.text : ''));
  if (isError === true) throw new Error(texts.join('\n'));
  // The tools of this file answer with lists.
  return { list: structuredContent as unknown as Listed, note: texts.at(-1) ?? '', blocks: texts.length };
}
