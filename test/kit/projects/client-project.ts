import { sqlTool, type ProjectFiles } from './temporary-project.js';

/** Every kind of thing that a client can list and use. */
export const CLIENT_PROJECT: ProjectFiles = {
  'tools/add.yml': [
    'mxcp: 1',
    'tool:',
    '  name: add',
    '  parameters:',
    '    - { name: a, type: integer, description: One number }',
    '    - { name: b, type: integer, description: Another one, default: 2 }',
    '  return: { type: integer }',
    '  source: { code: SELECT $a + $b }',
  ],
  'tools/rows.yml': sqlTool('rows', "SELECT i AS id, 'name ' || i AS name FROM range($n) t(i)", [
    'parameters: [{ name: n, type: integer, description: How many }]',
    'max_rows: 0',
    'max_bytes: 0',
  ]),
  'resources/all.yml': ['mxcp: 1', 'resource:', '  uri: notes://all', '  source: { code: SELECT 1 AS a }'],
  'resources/one.yml': [
    'mxcp: 1',
    'resource:',
    '  uri: notes://{id}',
    '  parameters: [{ name: id, type: string, description: Which one }]',
    '  source: { code: SELECT $id AS id }',
  ],
  'prompts/greet.yml': [
    'mxcp: 1',
    'prompt:',
    '  name: greet',
    '  parameters: [{ name: who, type: string, description: Whom }]',
    '  messages: [{ role: user, type: text, prompt: "Hello {{ who }}" }]',
  ],
};
