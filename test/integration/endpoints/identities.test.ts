import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainUnportable } from '../../../src/values/json-schema.js';
import { problemsOf, warningsOf } from '../../kit/projects/endpoint-project.js';

const tool = (name: string, ...lines: readonly string[]) => [
  'tool:',
  `  name: ${name}`,
  '  source: { code: SELECT 1 }',
  ...lines,
];
const prompt = (name: string) => ['prompt:', `  name: ${name}`, '  messages: [{ prompt: Hello. }]'];
const resource = (uri: string, ...lines: readonly string[]) => [
  'resource:',
  `  uri: ${JSON.stringify(uri)}`,
  '  source: { code: SELECT 1 }',
  ...lines,
];

const RULE = 'must have 1 to 128 letters (A-Z, a-z), digits, "_", "-" and "."';

describe('the name of a tool and of a prompt', () => {
  it.each([
    ['"get user"', ', such as "get_user"'],
    ['"my tool!"', ', such as "my_tool"'],
    ['a/b', ', such as "a_b"'],
    ['größe', ', such as "gr_e"'],
    ['"a\\nb"', ', such as "a_b"'],
    ['" pad "', ', such as "pad"'],
    ['😀', ''],
    ['""', ''],
    [`${'n'.repeat(129)}`, `, such as "${'n'.repeat(64)}"`],
  ])('is refused as %s, which MCP does not allow', async (name, example) => {
    expect(await problemsOf('tools/a.yml', tool(name))).toEqual([`tools/a.yml:2:3: \`tool.name\` ${RULE}${example}`]);
    expect(await problemsOf('prompts/a.yml', prompt(name))).toEqual([
      `prompts/a.yml:2:3: \`prompt.name\` ${RULE}${example}`,
    ]);
  });

  it.each(['a.b', '2nd', '-a', 'n'.repeat(65)])(
    'is served as %s with a warning, because clients refuse it',
    async (name) => {
      const advice = 'begin with a letter or "_", then use at most 63 letters, digits, "_" and "-"';
      const warning = (kind: string) =>
        `${kind}s/a.yml:2:3: some clients refuse all ${kind}s because of the name "${name}"; ${advice}`;
      expect(await problemsOf('tools/a.yml', tool(name))).toEqual([]);
      expect(await warningsOf('tools/a.yml', tool(name))).toEqual([warning('tool')]);
      expect(await warningsOf('prompts/a.yml', prompt(name))).toEqual([warning('prompt')]);
    },
  );

  it.each(['a', '_a', 'get-user_2', 'n'.repeat(64)])('is fine as %s', async (name) => {
    expect(await problemsOf('tools/a.yml', tool(name))).toEqual([]);
    expect(await warningsOf('tools/a.yml', tool(name))).toEqual([]);
  });
});

it('a parameter with more than 64 characters is served with a warning', async () => {
  const parameters = (name: string) => tool('a', `  parameters: [{ name: ${name}, type: string }]`);
  expect(await warningsOf('tools/a.yml', parameters('p'.repeat(64)))).toEqual([]);
  expect(await warningsOf('tools/a.yml', parameters('p'.repeat(65)))).toEqual([
    `tools/a.yml:4:18: parameter "${'p'.repeat(65)}" has more than 64 characters; some clients refuse all tools for that`,
  ]);
});

it('a member of a parameter with a name that clients refuse is served with a warning, and one of a result without', async () => {
  const type =
    'type: object, properties: { größe: { type: string }, ok: { type: object, properties: { "": { type: string } } } }';
  expect(
    await warningsOf('tools/a.yml', tool('a', `  parameters: [{ name: p, ${type} }]`, `  return: { ${type} }`)),
  ).toEqual(
    ['größe', ''].map((name) =>
      expect.stringContaining(`some clients refuse all tools because of the member "${name}"; `),
    ),
  );
});

describe('the URI of a resource', () => {
  it.each([
    ['x://a\nb', 'has a control character, or a space around it'],
    ['x://a ', 'has a control character, or a space around it'],
    ['x://100%', 'has a "%" that begins no code such as %20; write %25'],
    ['http://a b/x', 'has a host or port that clients cannot parse'],
    ['http://', 'has a host or port that clients cannot parse'],
    ['x://h:99999/a', 'has a host or port that clients cannot parse'],
  ])('is refused as %j, which is no URI and cannot be encoded', async (uri, reason) => {
    expect(await problemsOf('resources/a.yml', resource(uri))).toEqual([`resources/a.yml:2:3: the URI ${reason}`]);
  });

  it('is refused once if it has no scheme', async () => {
    expect(await problemsOf('resources/a.yml', resource('regions'))).toEqual([
      'resources/a.yml:2:3: `resource.uri` must begin with a scheme, as in "sales://regions"',
    ]);
  });

  it('is refused if clients would remove a parameter from it', async () => {
    const lines = resource('x://a/{b}/../c', '  parameters: [{ name: b, type: string }]');
    expect(await problemsOf('resources/a.yml', lines)).toEqual([
      'resources/a.yml:2:3: the URI has dots that remove {b} from its path',
    ]);
  });

  it.each(['docs://café/menu', 'file:///data/my report.csv', 'x://a b', 'https://a.b', 'urn:isbn:1', 'x://a/[1]'])(
    'is served as %s, encoded',
    async (uri) => {
      expect(await problemsOf('resources/a.yml', resource(uri))).toEqual([]);
    },
  );
});

it('a `mime_type` that is no media type is refused', async () => {
  const of = (mimeType: string) => problemsOf('resources/a.yml', resource('x://a', `  mime_type: ${mimeType}`));
  for (const mimeType of ['json', 'text/', '/json', 'text/a b', '"text/plain; charset"'])
    expect(await of(mimeType)).toEqual([
      'resources/a.yml:4:3: `resource.mime_type` must be a media type such as "application/json" or "text/markdown"',
    ]);
  for (const mimeType of [
    'application/vnd.api+json',
    'text/csv; charset=utf-8; header=present',
    'text/html;charset="utf-8"',
  ])
    expect(await of(mimeType)).toEqual([]);
});

describe('a pattern', () => {
  it('that clients cannot compile is served with a warning', async () => {
    const lines = tool('a', String.raw`  return: { type: string, pattern: '^[\w-.]+$' }`);
    expect(await problemsOf('tools/a.yml', lines)).toEqual([]);
    expect(await warningsOf('tools/a.yml', lines)).toEqual([
      'tools/a.yml:4:27: `pattern` is not valid in the Unicode mode of JavaScript (Invalid character class); ' +
        'values are checked with it, but clients do not get it',
    ]);
  });

  it('that clients get compiles in JavaScript and in Python', () => {
    const pieces = String.raw`a . ^ $ | - ( ) (?: (?= (?! (?<= (?<n> [ ] [^ { } , {2} {2,} * + ? / é 😀 \\ \d \w \b \/ \- \[ \] \p{L} \u{1F600} \cA \x41 \u0041 \1 \k<n> \0`;
    const piece = fc.constantFrom(...pieces.split(' '));
    const patterns = fc
      .sample(fc.array(piece, { minLength: 1, maxLength: 7 }), 20_000)
      .map((chosen) => chosen.join(''))
      .filter((pattern) => explainUnportable(pattern) === undefined);
    expect(patterns.length).toBeGreaterThan(1_000);
    const script = [
      'import json, re, sys, warnings',
      'warnings.simplefilter("ignore")',
      'def refused(pattern):',
      '    try: re.compile(pattern)',
      '    except re.error as error: return f"{pattern}: {error}"',
      'print(json.dumps([each for each in map(refused, json.load(sys.stdin)) if each]))',
    ].join('\n');
    const refused: unknown = JSON.parse(
      String(execFileSync('python3', ['-c', script], { input: JSON.stringify(patterns) })),
    );
    expect(refused).toEqual([]);
  });
});
