import { z } from 'zod';
import { component } from './component.js';
import { reloadRecord } from './reload-schemas.js';

export const errorFields = {
  error: z.string().describe('A code of the table of errors; it never changes its meaning.'),
  message: z.string().describe('What failed, which thing, and what to do.'),
  detail: z.string().optional().describe('Only when the server runs in debug mode.'),
};

export const errorBody = component('Error', 'The body of every refusal.', z.strictObject(errorFields));

export const reloadErrorBody = component(
  'ReloadError',
  'A reload that was waited for ended without a change.',
  z.strictObject({ ...errorFields, reload: reloadRecord.optional() }),
);
