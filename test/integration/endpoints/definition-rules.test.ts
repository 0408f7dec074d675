import { describe, expect, it } from 'vitest';
import { problemsOf, warningsOf } from '../../kit/projects/endpoint-project.js';

describe('a type that nothing can satisfy is refused', () => {
  it.each([
    [
      '{ type: integer, enum: [1, a, null, "2"], minimum: 9, maximum: 1 }',
      '38: `enum` has "a", which cannot be a value of type integer',
      '53: no value can have `minimum` 9 and `maximum` 1',
    ],
    ['{ type: boolean, enum: [true, "false", 1] }', '50: `enum` has 1, which cannot be a value of type boolean'],
    ['{ type: string, enum: ["1", [a]] }', '39: `enum` has ["a"], which cannot be a value of type string'],
    [
      '{ type: string, enum: [yes, "no", 010, a, null] }',
      '34: `enum` has true without quotes, which is a boolean and not text; put it in quotes',
      '45: `enum` has 8 without quotes, which is a number and not text; put it in quotes',
    ],
    ['{ type: object, enum: [{}, []] }', '38: `enum` has [], which cannot be a value of type object'],
    ['{ type: array, enum: [[], {}] }', '37: `enum` has {}, which cannot be a value of type array'],
    ['{ type: string, minLength: 3, maxLength: 2 }', '27: no value can have `minLength` 3 and `maxLength` 2'],
    ['{ type: array, minItems: 3, maxItems: 2 }', '26: no value can have `minItems` 3 and `maxItems` 2'],
    ['{ type: number, minimum: 3, exclusiveMaximum: 3 }', '27: no value can have `minimum` 3 and `exclusiveMaximum` 3'],
    ['{ type: number, exclusiveMinimum: 3, maximum: 3 }', '27: no value can have `exclusiveMinimum` 3 and `maximum` 3'],
  ])('%s', async (type, ...problems) => {
    const lines = ['tool:', '  name: t', `  return: ${type}`, '  source: { code: SELECT 1 }'];
    const expected = problems.map((problem) => `tools/a.yml:3:${problem}`);
    expect(await problemsOf('tools/a.yml', lines)).toEqual(expected);
  });

  it.each([
    '{ type: integer, minimum: 3, maximum: 3, enum: [3, null, "3"] }',
    '{ type: integer, enum: [9007199254740993, "-9007199254740993"] }',
    '{ type: string, enum: ["1", "true", a, 9007199254740993], minLength: 0, maxLength: 0, pattern: a, format: date }',
    '{ type: array, items: { type: object, properties: {}, required: [] }, uniqueItems: true }',
  ])('and one that something can is not: %s', async (type) => {
    const lines = ['tool:', '  name: t', `  return: ${type}`, '  source: { code: SELECT 1 }'];
    expect(await problemsOf('tools/a.yml', lines)).toEqual([]);
  });
});

describe('a `mime_type` that would make no content is refused', () => {
  const DEEP = '`mime_type` may be on the result, on its items, or on fields of either, and no deeper';
  const TYPED = '{ type: string, mime_type: image/png }';
  it.each([
    [
      '{ type: string, mime_type: png }',
      '27: `tool.return.mime_type` must be a media type such as "application/json" or "text/markdown"',
    ],
    [
      '{ type: object, mime_type: image/png }',
      '27: `mime_type` is for type string, not object: bytes of SQL and Python are strings here',
    ],
    [`{ type: array, items: { type: array, items: ${TYPED} } }`, `71: ${DEEP}`],
    [`{ type: object, properties: { items: { type: object, properties: { a: ${TYPED} } } } }`, `97: ${DEEP}`],
    [`{ type: object, properties: { items: ${TYPED}, properties: ${TYPED} } }`],
    [`{ type: array, items: { type: object, properties: { a: ${TYPED} } } }`],
    [`{ type: object, properties: { properties: { type: array, items: ${TYPED} } } }`, `91: ${DEEP}`],
    [`{ type: array, items: ${TYPED} }`],
    [TYPED],
  ])('%s', async (type, ...problems) => {
    const lines = ['tool:', '  name: t', `  return: ${type}`, '  source: { code: SELECT 1 }'];
    const expected = problems.map((problem) => `tools/a.yml:3:${problem}`);
    expect(await problemsOf('tools/a.yml', lines)).toEqual(expected);
  });

  it('of a parameter and of a resource', async () => {
    const typed = 'type: string, mime_type: image/png';
    const tool = ['tool:', '  name: t', `  parameters: [{ name: a, ${typed} }]`, '  source: { code: SELECT $a }'];
    expect(await problemsOf('tools/a.yml', tool)).toEqual([
      'tools/a.yml:3:41: `mime_type` is for results; a parameter is always JSON',
    ]);
    const resource = ['resource:', '  uri: a://b', `  return: { ${typed} }`, '  source: { code: SELECT 1 }'];
    expect(await problemsOf('resources/a.yml', resource)).toEqual([
      'resources/a.yml:3:27: the `mime_type` of a resource belongs beside its `uri`',
    ]);
  });
});

it('a keyword of another type is reported as a warning', async () => {
  const lines = [
    'tool:',
    '  name: t',
    '  parameters: [{ name: a, type: string, minimum: 1, items: { type: string } }]',
    '  return: { type: array, items: { type: integer, maxLength: 2 } }',
    '  source: { code: SELECT $a }',
  ];
  expect(await problemsOf('tools/a.yml', lines)).toEqual([]);
  expect(await warningsOf('tools/a.yml', lines)).toEqual([
    'tools/a.yml:3:41: `minimum` is for number and integer and has no effect on type string',
    'tools/a.yml:3:53: `items` is for array and has no effect on type string',
    'tools/a.yml:4:50: `maxLength` is for string and has no effect on type integer',
  ]);
});

it('an unquoted value that YAML reads as another type but with the same text is accepted without a warning', async () => {
  const year = '{ name: year, type: string, enum: [2023, true, 1.5], default: 2023, examples: [2023] }';
  const lines = ['tool:', '  name: t', `  parameters: [${year}]`, '  source: { code: SELECT $year }'];
  expect(await problemsOf('tools/a.yml', lines)).toEqual([]);
  expect(await warningsOf('tools/a.yml', lines)).toEqual([]);
});

it('a default and an example that YAML does not read as text are served with a warning', async () => {
  const list = '{ name: list, type: array, items: { type: string }, default: [on, off, "on"] }';
  const object =
    '{ name: o, type: object, properties: { zip: { type: string, default: 01234 } }, default: { zip: 1_000 } }';
  const lines = [
    'tool:',
    '  name: t',
    '  parameters:',
    '    - { name: a, type: string, default: no, examples: [1.0, x, "2"] }',
    `    - ${list}`,
    `    - ${object}`,
    '    - { name: big, type: string, default: 9007199254740993 }',
    '    - { name: n, type: number, default: 1.0 }',
    '  source: { code: "SELECT $a, $list, $o, $big, $n" }',
  ];
  expect(await problemsOf('tools/a.yml', lines)).toEqual([]);
  const truth = 'which is a boolean and becomes the text';
  const number = 'which is a number and becomes the text';
  expect(await warningsOf('tools/a.yml', lines)).toEqual([
    `tools/a.yml:4:32: \`default\` has false without quotes, ${truth} "false"; put it in quotes`,
    `tools/a.yml:4:56: \`examples\` has 1 without quotes, ${number} "1"; put it in quotes`,
    `tools/a.yml:5:69: \`default\` has true without quotes, ${truth} "true"; put it in quotes`,
    `tools/a.yml:5:73: \`default\` has false without quotes, ${truth} "false"; put it in quotes`,
    `tools/a.yml:6:98: \`default\` has 1000 without quotes, ${number} "1000"; put it in quotes`,
    `tools/a.yml:6:67: \`default\` has 668 without quotes, ${number} "668"; put it in quotes`,
  ]);
});

describe('one mistake in a file hides no other', () => {
  it('in a tool', async () => {
    const lines = [
      'tool:',
      '  source: { code: SELECT 1, file: a.sql }',
      '  parameters:',
      '    - { name: a, type: string, pattern: "(" }',
      '    - { name: b, type: integer, default: many, enum: [1] }',
      '    - { name: c, type: strin }',
      '    - { name: c, type: integer, enum: [x] }',
      '  policies: { input: [{ condition: "true", action: dny }] }',
      '  return: { type: object, properties: { a: { type: string } }, required: [b] }',
    ];
    expect(await problemsOf('tools/a.yml', lines)).toEqual([
      'tools/a.yml:1:1: `tool.name` is missing',
      'tools/a.yml:2:3: `source` has both `code` and `file`; keep one',
      expect.stringMatching(/^tools\/a\.yml:4:32: `pattern` is not a regular expression: /),
      'tools/a.yml:5:33: the default of "b" does not fit: it must be one of 1, not "many"; it must be a whole number, not "many"',
      expect.stringContaining('tools/a.yml:6:18: `tool.parameters[2].type` must be one of'),
      'tools/a.yml:7:9: parameter "c" is declared twice',
      'tools/a.yml:7:40: `enum` has "x", which cannot be a value of type integer',
      expect.stringContaining('tools/a.yml:8:44: `tool.policies.input[0].action` must be one of deny, '),
      'tools/a.yml:9:64: `required` names "b", which is not in `properties`; did you mean "a"?',
    ]);
  });

  it('in a resource and in a prompt, and a parameter that is refused is still declared', async () => {
    const parameters = '  parameters: [{ name: cat, type: strin }, { name: dog, type: string }]';
    const resource = ['resource:', '  uri: x://{cat}/{cow}', parameters, '  sorce: {}'];
    expect(await problemsOf('resources/a.yml', resource)).toEqual([
      'resources/a.yml:1:1: `resource.source` is missing',
      'resources/a.yml:2:3: the URI uses {cow}, which is not a declared parameter; known: cat, dog',
      expect.stringContaining('resources/a.yml:3:29: `resource.parameters[0].type` must be one of'),
      'resources/a.yml:3:46: parameter "dog" is not in the URI x://{cat}/{cow}; add {dog} to the URI or remove the parameter',
      'resources/a.yml:4:3: unknown key `sorce` in `resource`; did you mean `source`?',
    ]);
    const prompt = ['prompt:', parameters, '  messages:', '    - prompt: "{{ cat }} {{ cow }}"', '    - {}'];
    expect(await problemsOf('prompts/a.yml', prompt)).toEqual([
      'prompts/a.yml:1:1: `prompt.name` is missing',
      expect.stringContaining('prompts/a.yml:2:29: `prompt.parameters[0].type` must be one of'),
      'prompts/a.yml:4:7: the template reads "cow", which is not a declared parameter; known: cat, dog',
      'prompts/a.yml:5:7: a message of type text needs `prompt`, its text',
    ]);
  });

  it('and what is not a list of parameters at all declares any name', async () => {
    const lines = ['resource:', '  uri: x://{cat}', '  parameters: cat', '  source: { code: SELECT 1 }'];
    expect(await problemsOf('resources/a.yml', lines)).toEqual([
      'resources/a.yml:3:3: `resource.parameters` must be a list (`- item` lines), not "cat"',
    ]);
    expect(await problemsOf('tools/a.yml', ['tool: 3'])).toEqual([
      'tools/a.yml:1:1: `tool` must be a mapping (`key: value` lines), not 3',
    ]);
  });
});

describe('an endpoint file with very many problems', () => {
  const listed = async (...lines: readonly string[]): Promise<readonly [count: number, last: string | undefined]> => {
    const problems = await problemsOf('tools/a.yml', ['tool:', '  name: t', '  source: { code: SELECT 1 }', ...lines]);
    expect(problems.join('\n').length).toBeLessThan(60_000);
    return [problems.length, problems.at(-1)];
  };
  const many = (text: (index: number) => string): string[] => Array.from({ length: 5000 }, (_, index) => text(index));

  it('lists a hundred of them and counts the others', async () => {
    const rest = [101, 'tools/a.yml: and 4,900 more problems'];
    expect(await listed(...many((index) => `  k${index}: 1`))).toEqual(rest);
    expect(await listed('  parameters:', ...many((index) => `    - { name: p${index}, type: strin }`))).toEqual(rest);
    expect(await listed(`  return: { type: string, enum: [${many(() => 'yes').join(', ')}] }`)).toEqual(rest);
    const unknown = many((index) => `r${index}`).join(', ');
    const known = many((index) => `k${index}: { type: string }`).join(', ');
    expect(await listed(`  return: { type: object, required: [${unknown}], properties: { ${known} } }`)).toEqual(rest);
  });

  it('is refused as a whole if it is larger than a person writes', async () => {
    expect(await problemsOf('tools/a.yml', ['k: 1\n'.repeat(60_000)])).toEqual([
      'tools/a.yml: the file is larger than 262144 bytes',
    ]);
  });
});

describe('paging that cannot be is refused', () => {
  const PARAMETER = 'remove this one, or remove `paging` to page in the SQL or the function';
  it.each([
    ['paging: true', ['limit'], '', `6:9: \`paging\` adds the parameter "limit"; ${PARAMETER}`],
    ['paging: offset', ['Offset', 'cursor'], '', `6:9: \`paging\` adds the parameter "offset"; ${PARAMETER}`],
    ['paging: cursor', ['offset', 'cursor'], '', `7:9: \`paging\` adds the parameter "cursor"; ${PARAMETER}`],
    ['paging: cursor', [], 'object', '3:3: `paging` is for lists, but `return` declares the type object'],
    ['paging: pages', [], '', '3:3: `tool.paging` must be `offset`, which `true` means too, or `cursor`'],
    ['paging: cursor', [], 'array, items: { type: string, mime_type: image/png }', '3:3: `paging: cursor` is for rows'],
    ['paging: offset', [], 'array, items: { type: string, mime_type: image/png }'],
    ['paging: false', ['limit', 'offset', 'cursor'], 'object'],
  ])('%s with %s and return %s', async (paging, names, returns, ...problems) => {
    const lines = [
      'tool:',
      '  name: t',
      `  ${paging}`,
      `  return: { type: ${returns || 'array'} }`,
      '  parameters:',
      ...names.map((name) => `    - { name: ${name}, type: integer }`),
      `  source: { code: "SELECT ${['1', ...names.map((name) => `$${name}`)].join(', ')}" }`,
    ];
    if (names.length === 0) lines.splice(4, 1);
    const found = await problemsOf('tools/a.yml', lines);
    expect(found).toEqual(problems.map((problem) => expect.stringContaining(`tools/a.yml:${problem}`)));
  });
});
