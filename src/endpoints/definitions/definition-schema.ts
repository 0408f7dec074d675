import { z } from 'zod';
import { count, flag, maybe, parameterSchema, text, typeSchema } from '../../values/index.js';

const sourceSchema = z.strictObject({ code: text, file: text, language: maybe(z.enum(['sql', 'python'])) });

const testSchema = z.strictObject({
  name: z.string(),
  description: text,
  arguments: z.array(z.strictObject({ key: z.string(), value: z.unknown() })),
  user_context: maybe(z.record(z.string(), z.unknown())),
  result: z.unknown().optional(),
  result_contains: z.unknown().optional(),
  result_not_contains: maybe(z.array(z.string())),
  result_contains_item: z.unknown().optional(),
  result_contains_all: maybe(z.array(z.unknown())),
  result_length: count,
  result_contains_text: text,
});

const sharedFields = {
  description: text,
  tags: maybe(z.array(z.string())),
  parameters: maybe(z.array(parameterSchema)),
  return: maybe(typeSchema),
  enabled: flag,
  tests: maybe(z.array(testSchema)),
  // Only looked at to refuse it: see protections.ts.
  policies: z.unknown().optional(),
};

const sqlFields = { language: maybe(z.enum(['sql', 'python'])), source: sourceSchema };

/** What an endpoint runs, whatever else is or is not in its mapping. */
export const runSchema = z.object(sqlFields);

export const messageSchema = z.strictObject({ prompt: z.string(), role: text, type: text });

const toolSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  annotations: maybe(
    z.strictObject({
      title: text,
      readOnlyHint: flag,
      destructiveHint: flag,
      idempotentHint: flag,
      openWorldHint: flag,
    }),
  ),
  ...sharedFields,
  ...sqlFields,
});

const resourceSchema = z.strictObject({
  uri: z.string().regex(/^[A-Za-z][A-Za-z0-9+.-]*:/, 'must begin with a scheme, as in "sales://regions"'),
  name: text,
  mime_type: text,
  ...sharedFields,
  ...sqlFields,
});

const promptSchema = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  messages: z.array(messageSchema).min(1, 'must have at least one message'),
  ...sharedFields,
});

/** A whole endpoint file. That it has exactly one of the three kinds is checked apart, for a better message. */
export const endpointFileSchema = z.strictObject({
  mxcp: maybe(z.union([z.literal(1), z.literal('1')], 'must be 1')),
  tool: maybe(toolSchema),
  resource: maybe(resourceSchema),
  prompt: maybe(promptSchema),
  metadata: maybe(z.record(z.string(), z.unknown())),
});

export type EndpointFileContents = z.infer<typeof endpointFileSchema>;
export type ToolFields = z.infer<typeof toolSchema>;
export type ResourceFields = z.infer<typeof resourceSchema>;
export type PromptFields = z.infer<typeof promptSchema>;
export type MessageFields = z.infer<typeof messageSchema>;
export type EndpointTest = z.infer<typeof testSchema>;
export type ToolAnnotations = NonNullable<ToolFields['annotations']>;
