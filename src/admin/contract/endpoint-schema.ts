import { z } from 'zod';
import { component } from './component.js';

const endpoint = component(
  'Endpoint',
  'One endpoint file, as it is served.',
  z.strictObject({
    path: z.string().describe('Relative to the project.'),
    type: z.enum(['tool', 'resource', 'prompt']).nullable(),
    name: z.string().nullable(),
    description: z.string().nullable(),
    language: z.string().nullable(),
    enabled: z.boolean(),
    status: z.enum(['ok', 'disabled', 'error']),
    error: z.string().nullable(),
  }),
);

export const endpointList = component(
  'EndpointList',
  'Everything that is served, disabled, or left out because of an error.',
  z.strictObject({ endpoints: z.array(endpoint) }),
);
