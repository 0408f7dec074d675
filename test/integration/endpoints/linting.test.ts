import { describe, expect, it } from 'vitest';
import { lintEndpoints, loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import type { ProjectFiles } from '../../kit/projects/temporary-project.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';

async function lint(files: ProjectFiles) {
  using project = new TemporaryProject(files);
  return lintEndpoints(await loadEndpoints(foldersOf(project.root)));
}

/** `severity location: message` of everything found in a project. */
async function found(files: ProjectFiles): Promise<string[]> {
  return (await lint(files)).map(({ severity, location, message }) => `${severity} ${location ?? '-'}: ${message}`);
}

const SOUND = [
  'tool:',
  '  name: count_flights',
  '  description: Counts the flights of a carrier in one year.',
  '  annotations: { readOnlyHint: true }',
  '  parameters:',
  '    - { name: carrier, type: string, description: IATA code of an airline., examples: [UA] }',
  '    - { name: year, type: integer, description: Calendar year. }',
  '  return: { type: object, properties: { flights: { type: integer, description: How many departed. } } }',
  '  source: { code: "SELECT count(*) AS flights FROM range($year) WHERE $carrier = 1" }',
  '  tests: [{ name: one, arguments: [{ key: carrier, value: UA }, { key: year, value: 1 }] }]',
];

/** The sound tool with one line replaced. */
const withLine = (start: string, line: string) =>
  SOUND.map((each) => (each.trimStart().startsWith(start) ? line : each)).filter((each) => each !== '');
const tool = (start: string, line: string) => found({ 'tools/a.yml': withLine(start, line) });
const carrier = (rest: string, name = 'carrier') => tool('- { name: carrier', `    - { name: ${name}, ${rest} }`);

describe('linting', () => {
  it('finds nothing in an endpoint that has what a model needs', async () => {
    expect(await found({ 'tools/a.yml': SOUND })).toEqual([]);
  });

  it.each([
    ['description', '', ['warning tool: the tool has no description, so a model has only its name to choose it by']],
    [
      'description',
      '  description: "Count flights!"',
      ['warning tool.description: the description only repeats the name'],
    ],
    [
      'description',
      '  description: Counts them.',
      ['info tool.description: the description "Counts them." is very short'],
    ],
    [
      'description',
      `  description: ${'word '.repeat(300)}`,
      [expect.stringContaining('warning tool.description: the description has 1499 characters')],
    ],
    ['name: count_flights', '  name: query', ['warning tool.name: the name "query" does not say what the tool does']],
    [
      'name: count_flights',
      `  name: count_${'x'.repeat(50)}`,
      [expect.stringContaining('info tool.name: the name has 56 characters')],
    ],
    [
      'annotations',
      '',
      ['info tool: the tool does not say whether it changes anything, so clients ask before each call'],
    ],
    [
      'annotations',
      '  annotations: { readOnlyHint: false, destructiveHint: true }',
      [
        'info tool.annotations.destructiveHint: the tool destroys data, and whether a person is asked first depends on the client',
      ],
    ],
    ['annotations', '  annotations: { readOnlyHint: false, destructiveHint: true }\n  confirm: Count?', []],
    ['annotations', '  annotations: { destructiveHint: true }\n  confirm: Count?', []],
    ['return', '', ['info tool: the tool has no `return`, so clients do not know the form of its result']],
    ['tests', '', ['info tool: the tool has no tests']],
    [
      'return',
      '  return: { type: object, properties: { flights: { type: integer } } }',
      ['info tool.return: the result has members without a description: "flights"'],
    ],
  ])('looks at the whole of a tool: %s replaced by "%s"', async (start, line, expected) => {
    expect(await tool(start, line)).toEqual(expected);
  });

  it.each([
    ['type: integer', 'carrier', ['warning tool.parameters[0]: "carrier" has no description']],
    [
      'type: integer, description: Carrier.',
      'carrier',
      ['info tool.parameters[0].description: the description of "carrier" only repeats its name'],
    ],
    ['type: integer, description: A code.', 'c', ['info tool.parameters[0]: the name "c" is a single letter']],
    ['type: string, description: A code.', 'carrier', ['info tool.parameters[0]: "carrier" has no example']],
    ['type: string, description: A code such as UA.', 'carrier', []],
    ['type: string, description: A code., examples: [UA]', 'carrier', []],
    [
      'type: string, description: A day., examples: [a]',
      'start_date',
      ['info tool.parameters[0]: "start_date" seems to be a date or a time without a `format`'],
    ],
    [
      'type: string, description: "One of UA, AA.", examples: [UA]',
      'carrier',
      ['info tool.parameters[0]: the description of "carrier" lists its values'],
    ],
    [
      `type: integer, description: A code., enum: [${Array.from({ length: 101 }, (_, index) => index).join(', ')}]`,
      'carrier',
      [
        expect.stringContaining('warning tool.parameters[0].enum: the `enum` of "carrier" has 101 values'),
        expect.stringContaining('which Gemini refuses'),
      ],
    ],
    [
      'type: array, description: Codes.',
      'carrier',
      ['info tool.parameters[0]: "carrier" does not say what the list contains'],
    ],
    [
      'type: object, description: A filter.',
      'carrier',
      [expect.stringContaining('warning tool.parameters[0]: "carrier" has no `properties`')],
    ],
    [
      'type: object, description: A filter., required: [a]',
      'carrier',
      [
        expect.stringContaining('has no `properties`'),
        expect.stringContaining(
          'warning tool.parameters[0].required: "carrier" requires members without declaring them',
        ),
      ],
    ],
    [
      'type: object, description: A filter., properties: { größe: { type: integer, description: In cm. } }',
      'carrier',
      [
        expect.stringContaining(
          'warning tool.parameters[0].properties.größe: some clients refuse all tools because of the member',
        ),
      ],
    ],
    [
      'type: string, description: A code., pattern: "^(?=a)"',
      'carrier',
      [expect.stringContaining('info tool.parameters[0].pattern: the `pattern` of "carrier" looks ahead')],
    ],
  ])('looks at a parameter: { %s } named %s', async (rest, name, expected) => {
    expect(await carrier(rest, name)).toEqual(expected);
  });

  it('hints at an `enum` of numbers, which Gemini refuses', async () => {
    expect(await carrier('type: integer, description: A level., enum: [1, 2]')).toEqual([
      'info tool.parameters[0].enum: the `enum` of "carrier" has values of type integer, which Gemini refuses',
    ]);
  });

  it('reports depth once, where it begins', async () => {
    const deep = (levels: number): string =>
      levels === 0
        ? '{ type: integer, description: A. }'
        : `{ type: array, description: A., items: ${deep(levels - 1)} }`;
    expect(await carrier(`type: array, description: Codes., items: ${deep(6)}`)).toEqual([
      expect.stringContaining(
        'info tool.parameters[0].items.items.items.items.items: "carrier[][][][][]" is nested 5 levels deep',
      ),
    ]);
  });

  it('compares endpoints of one kind with each other', async () => {
    const other = withLine('name: count_flights', '  name: countFlights');
    const prompt = [
      'prompt:',
      '  name: count-flights',
      '  description: Asks how many flights there were.',
      '  messages: [{ prompt: Hi }]',
    ];
    expect(await found({ 'tools/a.yml': SOUND, 'tools/b.yml': other, 'prompts/a.yml': prompt })).toEqual([
      'warning tool.name: the name is nearly that of "countFlights", so models confuse them',
      'warning tool.description: the description is that of "countFlights" as well, so models cannot choose',
      'warning tool.name: the name is nearly that of "count_flights", so models confuse them',
      'warning tool.description: the description is that of "count_flights" as well, so models cannot choose',
    ]);
  });

  it('includes what refuses an endpoint and what `mxcp validate` warns of, in the order of places', async () => {
    const findings = await lint({
      'tools/a.yml': withLine('name: count_flights', '  name: count flights'),
      'tools/b.yml': withLine('name: count_flights', '  name: sum.flights'),
      'tools/c.yml': withLine('description', '').map((line) =>
        line.replace('description: IATA code of an airline., ', ''),
      ),
    });
    expect(findings.map((finding) => `${finding.severity} ${formatProblem(finding)}`)).toEqual([
      expect.stringMatching(/^error tools\/a\.yml:2:3: `tool\.name` must have/),
      expect.stringMatching(
        /^warning tools\/b\.yml:2:3: some clients refuse all tools because of the name "sum\.flights"/,
      ),
      expect.stringMatching(/^warning tools\/c\.yml:1:1: the tool has no description/),
      expect.stringMatching(/^warning tools\/c\.yml:5:7: "carrier" has no description/),
    ]);
    expect(findings[2]).toMatchObject({
      location: 'tool',
      suggestion: expect.stringContaining('one or two sentences'),
    });
  });

  it('warns of many tools', async () => {
    const numbers = Array.from({ length: 41 }, (_, index) => index);
    const words = (index: number) => 'abcdefghijklmnopqrstuvwxyzäöüßéèêàâçñåøæœÿ'.charAt(index).repeat(5);
    const files = numbers.map((index): [string, readonly string[]] => [
      `tools/t${index}.yml`,
      withLine('name: count_flights', `  name: count_flights_${index}`).map((line) =>
        line.replace('one year', words(index)),
      ),
    ]);
    const last = (await lint(Object.fromEntries(files))).filter(({ file }) => file === 'mxcp-site.yml');
    expect(last.map(({ message }) => message)).toEqual([
      'the project has 41 tools; Cursor uses 80 at most of all servers, and models choose worse among many',
    ]);
  });

  it('takes completion for an explanation of a parameter', async () => {
    const prompt = (complete: string) => [
      'prompt:',
      '  name: summarize_town',
      '  description: Asks for a summary of a town.',
      `  parameters: [{ name: town, type: string, description: Where to look.${complete} }]`,
      '  messages: [{ prompt: "Sum up {{ town }}." }]',
    ];
    expect(await found({ 'prompts/a.yml': prompt('') })).toEqual(['info prompt.parameters[0]: "town" has no example']);
    expect(await found({ 'prompts/a.yml': prompt(', complete: SELECT name FROM towns') })).toEqual([]);
  });
});
