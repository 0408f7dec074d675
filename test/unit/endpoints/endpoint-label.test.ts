import { expect, it } from 'vitest';
import { endpointLabel } from '../../../src/endpoints/definitions/endpoint-definition.js';

it('names tools and prompts in quotes, and resources by their URI', () => {
  expect(endpointLabel('tool', 'sales')).toBe('tool "sales"');
  expect(endpointLabel('prompt', 'summary')).toBe('prompt "summary"');
  expect(endpointLabel('resource', 'sales://regions')).toBe('resource sales://regions');
});
