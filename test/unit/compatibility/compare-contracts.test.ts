import { describe, expect, it } from 'vitest';
import { compareContracts, type Contract, formatContract, parseContract } from '../../../src/compatibility/index.js';

const EMPTY: Contract = { mxcpContract: 1, tools: [], resources: [], prompts: [] };
const inputSchema = { type: 'object', properties: { region: { type: 'string' } }, additionalProperties: false };
const sales = { name: 'sales', description: 'Sums sales.', inputSchema };
const report = { uri: 'sales://{region}/report', name: 'report', mimeType: 'text/csv' };
const brief = { name: 'brief', arguments: [{ name: 'topic', required: true }] };

/** `!` before a change that breaks clients. */
const compare = (from: Partial<Contract>, to: Partial<Contract>) =>
  compareContracts({ ...EMPTY, ...from }, { ...EMPTY, ...to }).map(
    ({ isBreaking, kind, name, code, message }) => `${isBreaking ? '! ' : ''}${kind} ${name}: ${code}: ${message}`,
  );
const tools = (from: object, to: object) =>
  compare({ tools: [{ ...sales, ...from }] }, { tools: [{ ...sales, ...to }] });

describe('tools', () => {
  it('may be added and not removed', () => {
    expect(compare({}, { tools: [sales] })).toEqual(['tool sales: added: is new']);
    expect(compare({ tools: [sales] }, {})).toEqual(['! tool sales: removed: was removed; clients that use it fail']);
  });

  it('are renamed if the parameters stay', () => {
    expect(compare({ tools: [sales] }, { tools: [{ ...sales, name: 'revenue', description: 'Other.' }] })).toEqual([
      '! tool sales: renamed: was renamed to "revenue"; clients that use the old name fail',
    ]);
  });

  it('without parameters are renamed only if the description stays', () => {
    const bare = { name: 'a', description: 'One.', inputSchema: { type: 'object', properties: {} } };
    expect(compare({ tools: [bare] }, { tools: [{ ...bare, name: 'b' }] })).toEqual([
      '! tool a: renamed: was renamed to "b"; clients that use the old name fail',
    ]);
    expect(compare({ tools: [bare] }, { tools: [{ ...bare, name: 'b', description: 'Two.' }] })).toEqual([
      '! tool a: removed: was removed; clients that use it fail',
      'tool b: added: is new',
    ]);
  });

  it('keep what they promise', () => {
    const readOnly = { annotations: { readOnlyHint: true, openWorldHint: false } };
    expect(tools(readOnly, { annotations: { destructiveHint: false, idempotentHint: true } })).toEqual([
      '! tool sales: annotations: no longer promises only to read; clients may ask before each call or refuse it',
      '! tool sales: annotations: no longer promises to reach nothing outside; clients may ask before each call or refuse it',
    ]);
    expect(tools({}, { annotations: { idempotentHint: true } })).toEqual([
      'tool sales: annotations: promises to change nothing when it is repeated now',
    ]);
  });

  it('may begin to declare a result, and not stop', () => {
    const outputSchema = { type: 'object', properties: {} };
    expect(tools({}, { outputSchema })).toEqual(['tool sales: output_declared: its result is declared now']);
    expect(tools({ outputSchema }, {})).toEqual([
      '! tool sales: output_undeclared: its result is not declared any longer; clients that check it fail',
    ]);
  });

  it('may change their texts', () => {
    expect(tools({}, { title: 'Sales', description: 'Other.', tags: ['a'] })).toEqual([
      'tool sales: title: has another title',
      'tool sales: description: has another description',
      'tool sales: tags: has other tags',
    ]);
  });
});

describe('resources', () => {
  it('are known by their URI, whatever the names of placeholders', () => {
    expect(compare({ resources: [report] }, { resources: [{ ...report, uri: 'SALES://{area}/report' }] })).toEqual([
      'resource sales://{region}/report: uri: its URI is written "SALES://{area}/report" now, for the same resources',
    ]);
  });

  it('that move under the same name are renamed', () => {
    expect(compare({ resources: [report] }, { resources: [{ ...report, uri: 'sales://reports/{region}' }] })).toEqual([
      '! resource sales://{region}/report: renamed: was renamed to "sales://reports/{region}"; clients that use the old name fail',
    ]);
  });

  it('keep their type', () => {
    expect(compare({ resources: [report] }, { resources: [{ ...report, mimeType: 'text/plain' }] })).toEqual([
      '! resource sales://{region}/report: mime_type: its type is "text/plain" instead of "text/csv"; clients read it in another way',
    ]);
  });
});

describe('prompts', () => {
  const withArguments = (...given: Contract['prompts'][number]['arguments']) => ({
    prompts: [{ ...brief, arguments: given }],
  });

  it.each([
    [[], [{ name: 'a', required: false }], 'prompt brief: member_added: argument "a" is new and optional'],
    [
      [],
      [{ name: 'a', required: true }],
      '! prompt brief: required_member_added: argument "a" is new and required; clients without it are refused',
    ],
    [
      [{ name: 'a', required: false }],
      [],
      '! prompt brief: member_removed: argument "a" was removed; clients that give it are refused',
    ],
    [
      [{ name: 'a', required: false }],
      [{ name: 'a', required: true }],
      '! prompt brief: required: argument "a" is required now; clients without it are refused',
    ],
    [
      [{ name: 'a', required: true }],
      [{ name: 'a', required: false }],
      'prompt brief: optional: argument "a" is optional now',
    ],
    [
      [{ name: 'a', required: true }],
      [{ name: 'a', required: true, description: 'A.' }],
      'prompt brief: description: argument "a" has another description',
    ],
  ])('%j → %j', (from, to, expected) => {
    expect(compare(withArguments(...from), withArguments(...to))).toEqual([expected]);
  });

  it('are renamed if the arguments stay', () => {
    expect(compare({ prompts: [brief] }, { prompts: [{ ...brief, name: 'summary' }] })).toEqual([
      '! prompt brief: renamed: was renamed to "summary"; clients that use the old name fail',
    ]);
  });
});

describe('a contract file', () => {
  it('gives back what was written, also after an editor added a byte order mark', () => {
    const contract = { ...EMPTY, tools: [sales], resources: [report], prompts: [brief] };
    expect(parseContract(formatContract(contract), 'c.json')).toEqual(contract);
    expect(parseContract(`\uFEFF${formatContract(contract)}`, 'c.json')).toEqual(contract);
  });

  it.each([
    ['{', /^c\.json is not a contract: .*JSON.*; `mxcp contract` writes one$/],
    ['[]', /the file: /],
    ['{"mxcpContract": 2}', /it has format 2, which a newer mxcp wrote/],
    ['{"mxcpContract":1,"tools":[{"name":1,"inputSchema":{}}],"resources":[],"prompts":[]}', /`tools\.0\.name`: /],
    ['{"mxcpContract":1,"tools":[{"name":"a","inputSchema":[]}],"resources":[],"prompts":[]}', /must be a JSON Schema/],
  ])('is refused: %s', (text, message) => {
    expect(() => parseContract(text, 'c.json')).toThrow(
      expect.objectContaining({ code: 'contract_invalid', message: expect.stringMatching(message) }),
    );
  });
});

describe('what people and models see', () => {
  it('breaks no client', () => {
    const server = {
      title: 'Shop',
      instructions: 'Call regions first.',
      icons: [{ src: 'https://example.com/a.png' }],
    };
    const changed = { title: 'Shop', instructions: 'Call sales first.', icons: [] };
    expect(compare({ server }, { server: changed })).toEqual([
      'server mxcp-site.yml: icons: has other icons',
      'server mxcp-site.yml: instructions: has other instructions',
    ]);
    expect(tools({ icons: [{ src: 'https://example.com/a.png' }] }, {})).toEqual([
      'tool sales: icons: has other icons',
    ]);
    expect(compare({ resources: [report] }, { resources: [{ ...report, annotations: { priority: 1 } }] })).toEqual([
      'resource sales://{region}/report: annotations: has other annotations',
    ]);
  });

  it('is not compared with a file of a version that did not have it', () => {
    expect(compare({}, { server: { title: 'Shop' } })).toEqual([]);
  });
});

describe('a question before a call', () => {
  it('breaks clients that cannot ask, unless they are served all the same', () => {
    expect(tools({}, { confirm: 'refuse' })).toEqual([
      '! tool sales: confirm: asks a person before it runs; clients that cannot ask are refused',
    ]);
    expect(tools({ confirm: 'run' }, { confirm: 'refuse' })).toEqual([
      '! tool sales: confirm: no longer runs without a question; clients that cannot ask are refused',
    ]);
    expect(tools({}, { confirm: 'run' })).toEqual([
      'tool sales: confirm: asks a person before it runs, where the client can',
    ]);
    expect(tools({ confirm: 'refuse' }, { confirm: 'run' })).toEqual([
      'tool sales: confirm: runs for clients that cannot ask',
    ]);
    expect(tools({ confirm: 'refuse' }, {})).toEqual(['tool sales: confirm: no longer asks before it runs']);
    expect(tools({ confirm: 'refuse' }, { confirm: 'refuse' })).toEqual([]);
  });

  it('counts for resources and prompts too', () => {
    expect(compare({ resources: [report] }, { resources: [{ ...report, confirm: 'refuse' }] })).toEqual([
      '! resource sales://{region}/report: confirm: asks a person before it runs; clients that cannot ask are refused',
    ]);
    expect(compare({ prompts: [brief] }, { prompts: [{ ...brief, confirm: 'refuse' }] })).toEqual([
      '! prompt brief: confirm: asks a person before it runs; clients that cannot ask are refused',
    ]);
  });
});

describe('content', () => {
  const png = { at: 'return', kind: 'image' as const, mimeType: 'image/png' };
  const sound = { at: 'return.sound', kind: 'audio' as const, mimeType: 'audio/wav' };

  it('of a tool keeps its place, kind and type', () => {
    expect(tools({}, { content: [png] })).toEqual([
      '! tool sales: content: `return` is an image of type "image/png" now; clients that read text or structure there find none',
    ]);
    expect(tools({ content: [png] }, {})).toEqual([
      '! tool sales: content: `return` is no longer an image of type "image/png"; clients that show it find none',
    ]);
    expect(tools({ content: [png] }, { content: [{ ...png, mimeType: 'image/webp' }] })).toEqual([
      '! tool sales: content: `return` is an image of type "image/webp" instead of an image of type "image/png"; clients read it in another way',
    ]);
    expect(tools({ content: [png] }, { content: [png, sound] })).toEqual([
      'tool sales: content: `return.sound` is audio of type "audio/wav" now',
    ]);
  });

  it('of a prompt may become fewer kinds, and not more', () => {
    const message = { at: 'messages', kind: 'image' as const, mimeType: 'image/png' };
    const prompt = { ...brief, content: [message] };
    expect(compare({ prompts: [brief] }, { prompts: [prompt] })).toEqual([
      '! prompt brief: content: has an image of type "image/png" among its messages now; clients that cannot show it fail',
    ]);
    expect(compare({ prompts: [prompt] }, { prompts: [brief] })).toEqual([
      'prompt brief: content: has an image of type "image/png" among its messages no longer',
    ]);
  });
});

describe('a group', () => {
  const tool = (name: string) => ({ ...sales, name });
  const group = { name: 'sales', tools: ['revenue', 'stock'], resources: ['shop://all'], prompts: [] };
  const served = { tools: [tool('revenue'), tool('stock')] };

  it('that is removed, or that loses what the project still has, breaks its clients', () => {
    expect(compare({ ...served, groups: [group] }, served)).toEqual([
      '! group sales: removed: was removed; clients that connect to it fail',
    ]);
    expect(compare({ ...served, groups: [group] }, { ...served, groups: [{ ...group, tools: ['stock'] }] })).toEqual([
      '! group sales: member_removed: no longer has tool "revenue"; clients of the group that use it fail',
    ]);
  });

  it('that is new, gains members or has other texts breaks no client', () => {
    expect(compare(served, { ...served, groups: [group] })).toEqual(['group sales: added: is new']);
    const more = { ...group, prompts: ['greet'], instructions: 'Be kind.' };
    expect(compare({ ...served, groups: [group] }, { ...served, groups: [more] })).toEqual([
      'group sales: member_added: has prompt "greet" now',
      'group sales: instructions: has other instructions',
    ]);
  });

  it('says nothing of an endpoint that is gone altogether, which has a change of its own', () => {
    const stockOnly = { tools: [tool('stock')], groups: [{ ...group, tools: ['stock'] }] };
    const changes = compare({ ...served, groups: [group] }, stockOnly);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toContain('tool revenue');
  });
});
