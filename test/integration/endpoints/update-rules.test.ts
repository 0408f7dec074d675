import { describe, expect, it } from 'vitest';
import { loadEndpoints } from '../../../src/endpoints/index.js';
import { formatProblem } from '../../../src/errors/index.js';
import { foldersOf } from '../../kit/projects/endpoint-project.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';

const PARAMETERS =
  '  parameters: [{ name: item, type: string }, { name: all, type: array }, { name: number, type: integer }]';
const toolWith = (...lines: readonly string[]): readonly string[] => [
  'tool:',
  '  name: sell',
  ...lines,
  PARAMETERS,
  '  source: { code: SELECT 1 }',
];
const ITEM = [
  'resource:',
  '  uri: Stock://items/{name}',
  '  parameters: [{ name: name, type: string }]',
  '  source: { code: SELECT $name }',
];

async function load(tool: readonly string[], others: Readonly<Record<string, readonly string[]>> = {}) {
  using project = new TemporaryProject({ 'tools/a.yml': tool, 'resources/item.yml': ITEM, ...others });
  const catalog = await loadEndpoints(foldersOf(project.root));
  return {
    problems: catalog.failures.flatMap(({ problems }) => problems.map(formatProblem)),
    warnings: catalog.warnings.map(formatProblem),
    updates: catalog.endpoints.flatMap((each) => (each.kind === 'tool' ? each.updates : [])),
  };
}

describe('`updates` of a tool', () => {
  it('names resources of the project in the form that clients get', async () => {
    const all = [
      '  updates:',
      "    - 'STOCK://items/{item}'",
      '    - stock://items/tea',
      '    - stock://items/{number}',
    ];
    const { problems, warnings, updates } = await load(toolWith(...all));
    expect([...problems, ...warnings]).toEqual([]);
    expect(updates).toEqual(['stock://items/{item}', 'stock://items/tea', 'stock://items/{number}']);
  });

  it.each([
    [
      "['stock://itms/{item}']",
      'tools/a.yml:3:13: there is no resource stock://itms/{item}; did you mean "stock://items/{name}"?',
    ],
    ["['stock://items/{item}/x']", 'tools/a.yml:3:13: there is no resource stock://items/{item}/x'],
    [
      "['stock://items/{itm}']",
      'tools/a.yml:3:13: the URI uses {itm}, which is not a declared parameter; did you mean "item"?',
    ],
    [
      "['stock://items/{all}']",
      'tools/a.yml:3:13: the URI uses {all}, which is of type array; only a single value fits into a URI',
    ],
    ["['stock://items/{item']", 'tools/a.yml:3:13: the URI has a "{" or "}" that does not enclose a parameter name'],
    ["'stock://items/tea'", 'write a list, as ["stock://items/tea"]'],
    ["['']", 'must not be empty'],
  ])('is refused as %s', async (updates, problem) => {
    const { problems } = await load(toolWith(`  updates: ${updates}`));
    expect(problems.join('\n')).toContain(problem);
  });

  it('is not doubted while a resource cannot be read', async () => {
    const broken = { 'resources/b.yml': ['resource: { uri: "other://x", source: {} }'] };
    const { problems } = await load(toolWith("  updates: ['other://x']"), broken);
    expect(problems.join('\n')).not.toContain('there is no resource');
  });

  it('contradicts `readOnlyHint`, and belongs to tools only', async () => {
    const { warnings } = await load(
      toolWith("  updates: ['stock://items/{item}']", '  annotations: { readOnlyHint: true }'),
    );
    expect(warnings).toEqual([
      'tools/a.yml:4:18: `readOnlyHint` says that the tool changes nothing, but `updates` names what it changes',
    ]);
    const { problems } = await load(toolWith(), {
      'resources/c.yml': [...ITEM.map((line) => line.replace('items', 'c')), "  updates: ['stock://c/a']"],
    });
    expect(problems.join('\n')).toContain('unknown key `updates` in `resource`');
  });
});
