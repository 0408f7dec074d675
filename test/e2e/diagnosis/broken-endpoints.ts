import { sqlTool } from '../../kit/temporary-project.js';
import type { Diagnosis } from './diagnosis.js';

const tool = (...lines: readonly string[]): readonly string[] => [
  'mxcp: 1',
  'tool:',
  ...lines.map((line) => `  ${line}`),
];

export const BROKEN_ENDPOINTS: readonly Diagnosis[] = [
  {
    broken: 'an endpoint file is not YAML',
    command: 'validate',
    files: { 'tools/price.yml': ['mxcp: 1', 'tool: {name: price'] },
    says: ['tools/price.yml:3:1:', 'a bracket or quote before it is not closed'],
  },
  {
    broken: 'a key of an endpoint is misspelt',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'paramters: []', 'source: { code: SELECT 1 }') },
    says: ['tools/price.yml:4:3:', 'unknown key "tool.paramters"; did you mean "parameters"?'],
  },
  {
    broken: 'an endpoint has no SQL',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price') },
    says: ['tools/price.yml:2:1:', '"tool.source" is required'],
  },
  {
    broken: 'the SQL file of an endpoint is not there',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'source: { file: ../sql/prices.sql }') },
    says: [
      'tools/price.yml:4:13:',
      'the SQL file sql/prices.sql does not exist; paths are relative to the YAML file, or to the project when they begin with "/"',
    ],
  },
  {
    broken: 'the SQL has a mistake',
    command: 'validate',
    files: { 'tools/price.yml': sqlTool('price', 'SELECT price\nFORM item') },
    says: ['tools/price.yml:7:', 'the SQL does not compile: Parser Error: syntax error at or near "item"'],
  },
  {
    broken: 'the SQL reads a table that is not there',
    command: 'serve',
    files: { 'tools/price.yml': sqlTool('price', 'SELECT price\nFROM items') },
    says: ['tools/price.yml:7:', 'Table with name items does not exist! Did you mean "item"?'],
  },
  {
    broken: 'a parameter is used and not declared',
    command: 'validate',
    files: {
      'tools/price.yml': sqlTool('price', 'SELECT price FROM item WHERE name = $nam', [
        'parameters: [{ name: name, type: string }]',
      ]),
    },
    says: [
      'tools/price.yml:7:',
      'the SQL uses $nam, which is not a declared parameter; did you mean "name"?',
    ],
  },
  {
    broken: 'a type does not exist',
    command: 'validate',
    files: { 'tools/price.yml': sqlTool('price', 'SELECT $n', ['parameters: [{ name: n, type: int }]']) },
    says: [
      'tools/price.yml:4:27:',
      'must be one of string, number, integer, boolean, array, object, not "int"',
    ],
  },
  {
    broken: 'a default does not fit its type',
    command: 'validate',
    files: {
      'tools/price.yml': sqlTool('price', 'SELECT $n', [
        'parameters: [{ name: n, type: integer, default: many }]',
      ]),
    },
    says: ['tools/price.yml:4:42:', 'the default of "n" does not fit: it must be a whole number, not "many"'],
  },
  {
    broken: 'two endpoints have one name',
    command: 'serve',
    files: { 'tools/again.yml': sqlTool('price', 'SELECT 1') },
    says: ['tools/again.yml:3:3:', 'tool "price" is also defined in tools/price.yml; keep one'],
  },
  {
    broken: 'a template names a parameter that a prompt does not have',
    command: 'validate',
    files: {
      'prompts/ask.yml': [
        'mxcp: 1',
        'prompt:',
        '  name: ask',
        '  parameters: [{ name: topic, type: string }]',
        '  messages:',
        '    - prompt: "Tell me of {{ topc }}"',
      ],
    },
    says: [
      'prompts/ask.yml:6:7:',
      'the template reads "topc", which is not a declared parameter; did you mean "topic"?',
    ],
  },
  {
    broken: 'an endpoint asks for policies',
    command: 'serve',
    files: {
      'tools/price.yml': sqlTool('price', 'SELECT 1', [
        'policies: { input: [{ condition: "true", action: deny }] }',
      ]),
    },
    says: [
      'tools/price.yml:4:3:',
      'this version cannot enforce "policies", so it does not serve this endpoint; remove the key or the file',
    ],
  },
  {
    broken: 'an endpoint is written in Python',
    command: 'validate',
    files: {
      'tools/price.yml': tool('name: price', 'language: python', 'source: { file: ../python/price.py }'),
    },
    says: [
      'tools/price.yml:4:3:',
      'this version does not run Python endpoints; write it in SQL or remove the file',
    ],
  },
];
