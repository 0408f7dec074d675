import { writeFileSync } from 'node:fs';
import { sqlTool } from '../../kit/projects/temporary-project.js';
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
    says: ['tools/price.yml:2:7:', 'this bracket is not closed'],
  },
  {
    broken: 'a key of an endpoint is misspelt',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'paramters: []', 'source: { code: SELECT 1 }') },
    says: ['tools/price.yml:4:3:', 'unknown key `paramters` in `tool`; did you mean `parameters`?'],
  },
  {
    broken: 'an endpoint has no SQL',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price') },
    says: ['tools/price.yml:2:1:', '`tool.source` is missing'],
  },
  {
    broken: 'the SQL file of an endpoint is not there',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'source: { file: ../sql/prices.sql }') },
    says: [
      'tools/price.yml:4:13:',
      'the SQL file sql/prices.sql does not exist; paths are relative to the YAML file, or to the project if they begin with "/"',
    ],
  },
  {
    broken: 'the SQL file of an endpoint is in Latin-1',
    command: 'serve',
    files: { 'tools/price.yml': tool('name: price', 'source: { file: price.sql }') },
    change: (project) => writeFileSync(project.path('tools/price.sql'), Buffer.from("SELECT 'caf\xe9'", 'latin1')),
    says: ['tools/price.yml:4:13:', 'the SQL file tools/price.sql is not UTF-8 text'],
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
    says: ['tools/price.yml:7:', 'the SQL uses $nam, which is not a declared parameter; did you mean "name"?'],
  },
  {
    broken: 'a type does not exist',
    command: 'validate',
    files: { 'tools/price.yml': sqlTool('price', 'SELECT $n', ['parameters: [{ name: n, type: int }]']) },
    says: ['tools/price.yml:4:27:', 'must be one of string, number, integer, boolean, array, object, not "int"'],
  },
  {
    broken: 'a default does not fit its type',
    command: 'validate',
    files: {
      'tools/price.yml': sqlTool('price', 'SELECT $n', ['parameters: [{ name: n, type: integer, default: many }]']),
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
    broken: 'a policy of an endpoint reads a name that does not exist',
    command: 'serve',
    files: {
      'tools/price.yml': sqlTool('price', 'SELECT 1', [
        'policies: { input: [{ condition: usr.role == "guest", action: deny }] }',
      ]),
    },
    says: ['tools/price.yml:4:25:', 'in the condition, "usr" is not known; did you mean "user"?'],
  },
  {
    broken: 'a Python endpoint does not say that it is one',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'source: { file: ../python/price.py }') },
    says: [
      'tools/price.yml:4:13:',
      '"../python/price.py" is a Python file, but without a language it would run as SQL; add `language: python` to the tool',
    ],
  },
  {
    broken: 'the Python code is in the endpoint file',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'language: python', 'source: { code: "return 1" }') },
    says: ['tools/price.yml:5:13:', 'define the function "price" in a file below python/'],
  },
  {
    broken: 'the Python file of an endpoint is not there',
    command: 'validate',
    files: { 'tools/price.yml': tool('name: price', 'language: python', 'source: { file: ../python/price.py }') },
    says: ['tools/price.yml:5:13:', 'the Python file python/price.py does not exist; paths are relative to'],
  },
  {
    broken: 'the Python file has no function of the name of its tool',
    command: 'serve',
    files: {
      'python/prices.py': ['def prices(item):', '    return 1'],
      'tools/price.yml': tool('name: price', 'language: python', 'source: { file: ../python/prices.py }'),
    },
    says: ['tools/price.yml:5:', 'there is no function price; the file defines prices'],
  },
  {
    broken: 'the function does not take a parameter of its endpoint',
    command: 'validate',
    files: {
      'python/prices.py': ['import json', 'def price(item):', '    return 1'],
      'tools/price.yml': tool(
        'name: price',
        'language: python',
        'parameters: [{ name: itm, type: string }]',
        'source: { file: ../python/prices.py }',
      ),
    },
    says: [
      'python/prices.py:2:',
      'price() has no parameter itm (it takes item)',
      'price() needs item, which the endpoint does not declare',
    ],
  },
  {
    broken: 'a Python file imports what is not installed',
    command: 'validate',
    files: {
      'python/prices.py': ['import json', 'import pandsa', 'def price():', '    return 1'],
      'tools/price.yml': tool('name: price', 'language: python', 'source: { file: ../python/prices.py }'),
    },
    says: ['python/prices.py:2:', "cannot be imported: ModuleNotFoundError: No module named 'pandsa'"],
  },
  {
    broken: 'Python code has a mistake in its syntax',
    command: 'serve',
    files: {
      'python/prices.py': ['def price(:', '    return 1'],
      'tools/price.yml': tool('name: price', 'language: python', 'source: { file: ../python/prices.py }'),
    },
    says: ['python/prices.py:1:', 'cannot be imported: SyntaxError: invalid syntax'],
  },
  {
    broken: 'an on_init hook fails',
    command: 'serve',
    files: {
      'python/model.py': [
        'from mxcp.runtime import on_init',
        '@on_init',
        'def load():',
        '    raise RuntimeError("the model is not there")',
      ],
    },
    says: ['RuntimeError: the model is not there (python/model.py:4, in load)'],
  },
  {
    broken: 'the Python that was chosen is not there',
    command: 'serve',
    options: ['--python', '/opt/python3.99/bin/python3'],
    files: { 'python/model.py': ['x = 1'] },
    says: ['/opt/python3.99/bin/python3', '--python', 'MXCP_PYTHON'],
  },
];
