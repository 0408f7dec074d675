import { describe, expect, it } from 'vitest';
import { toPrompt, toResource, toTool } from '../../../src/mcp/listings.js';

const inputSchema = { type: 'object' as const, properties: { n: { type: 'integer' } }, additionalProperties: false };

describe('listings', () => {
  it('carry what a tool declares and leave out what it does not', () => {
    expect(toTool({ name: 'a', inputSchema })).toEqual({ name: 'a', inputSchema });
    const full = {
      name: 'b',
      title: 'B',
      description: 'Does b',
      inputSchema,
      outputSchema: { type: 'object' as const, properties: { result: { type: 'array' } }, required: ['result'] },
      annotations: { readOnlyHint: true },
    };
    expect(toTool({ ...full, tags: ['x', 'y'] })).toEqual({ ...full, _meta: { 'mxcp/tags': ['x', 'y'] } });
  });

  it('carry resources and prompts', () => {
    expect(toResource({ uri: 'a://b', isTemplate: false, name: 'b' })).toEqual({ uri: 'a://b', name: 'b' });
    expect(toResource({ uri: 'a://b', isTemplate: false, name: 'b', title: 'B' })).toMatchObject({ title: 'B' });
    expect(toPrompt({ name: 'p', title: 'P', arguments: [] })).toEqual({ name: 'p', title: 'P', arguments: [] });
    expect(toPrompt({ name: 'p', arguments: [{ name: 'x', description: 'X', required: false }] })).toEqual({
      name: 'p',
      arguments: [{ name: 'x', description: 'X', required: false }],
    });
  });
});
