import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { cleanEnv, LAUNCHER, temporaryFolder } from './mxcp-process.js';

const PROJECT = {
  'mxcp-site.yml':
    'mxcp: 1\nproject: streams\nprofile: dev\nsql_tools: { enabled: true, external_access: true, several_statements: true }\n',
  'tools/prints.yml': [
    'mxcp: 1',
    'tool: { name: prints, language: python, return: { type: string }, source: { file: ../python/prints.py } }',
  ].join('\n'),
  'python/prints.py': [
    'import os, subprocess, sys',
    'def prints():',
    '    print("planted")',
    '    os.write(1, b"planted")',
    '    subprocess.run("echo planted; echo planted >&1; cat", shell=True)',
    '    return "read: " + sys.stdin.read()',
  ].join('\n'),
};

const STATEMENTS = [
  'SET enable_progress_bar=true; SET progress_bar_time=0; SELECT count(*) AS c FROM range(30000000) t(a) WHERE a % 7 = 1',
  "COPY (SELECT 'planted' AS a) TO '/dev/stdout'",
  "COPY (SELECT 'planted' AS a) TO '/dev/fd/1'",
  "SELECT content FROM read_text('/dev/stdin')",
];

const MESSAGES = [
  {
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  },
  { method: 'notifications/initialized' },
  { id: 1, method: 'tools/call', params: { name: 'prints' } },
  ...STATEMENTS.map((sql, index) => ({
    id: 2 + index,
    method: 'tools/call',
    params: { name: 'execute_sql_query', arguments: { sql } },
  })),
];

// Node connects the server by sockets, a shell by pipes.
it.each([
  ['sockets', LAUNCHER, ['serve', '--transport', 'stdio']],
  ['pipes', '/bin/sh', ['-c', `cat | '${LAUNCHER}' serve --transport stdio | cat`]],
])('a client of stdio gets nothing but messages, over %s', async (_name, command, args) => {
  const folder = temporaryFolder(PROJECT);
  try {
    const server = spawn(command, args, {
      cwd: folder.path,
      env: cleanEnv(folder.path),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    server.stdin.end(MESSAGES.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join(''));
    const [output, log] = await Promise.all([text(server.stdout), text(server.stderr)]);
    const answers = output
      .trimEnd()
      .split('\n')
      .map((line): { id: number; result?: unknown } => JSON.parse(line));
    expect(answers.map(({ id }) => id).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(
      answers.filter(({ result }) => result === undefined),
      log,
    ).toEqual([]);
    expect(answers.find(({ id }) => id === 1)?.result).toMatchObject({ content: [{ text: 'read: ' }] });
    expect(output).not.toContain('planted');
    expect(answers.find(({ id }) => id === 5)?.result).not.toMatchObject({ isError: true });
  } finally {
    folder.dispose();
  }
});
