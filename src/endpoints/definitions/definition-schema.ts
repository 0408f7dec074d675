import { z } from 'zod';
import { answerLimitFields, cacheSchema, iconsSchema, rateLimitSchema } from '../../config/index.js';
import { clip } from '../../errors/index.js';
import { policiesSchema } from '../../policies/index.js';
import {
  count,
  flag,
  maybe,
  mimeType,
  type Paging,
  parameterSchema,
  parametersSchema,
  text,
  typeSchema,
} from '../../values/index.js';
import { hints, isMapping } from '../../yaml/index.js';
import { SCHEME } from './uri-template.js';

const sourceSchema = z
  .strictObject({ code: text, file: text, language: maybe(z.enum(['sql', 'python'])) })
  .register(hints, {
    keys: { sql: 'code', query: 'code', path: 'file' },
    hint: (written) =>
      typeof written === 'string' ? 'write the SQL as `code` in `source`, or the path of a file as `file`' : undefined,
  });

const argumentsSchema = z
  .array(z.strictObject({ key: z.string(), value: z.unknown() }))
  .register(hints, {
    hint: (written) => (isMapping(written) ? 'write each argument as `- { key: …, value: … }`' : undefined),
  });

const testSchema = z.strictObject({
  name: z.string(),
  description: text,
  arguments: argumentsSchema,
  user_context: maybe(z.record(z.string(), z.unknown())),
  result: z.unknown().optional(),
  result_contains: z.unknown().optional(),
  result_not_contains: maybe(z.array(z.string())),
  result_contains_item: z.unknown().optional(),
  result_contains_all: maybe(z.array(z.unknown())),
  result_length: count,
  result_contains_text: text,
});

/** RFC 6749, 3.3 */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const confirmSchema = z
  .union([
    z.string().min(1, 'must not be empty'),
    z.strictObject({
      message: z.string().min(1, 'must not be empty'),
      when_unsupported: maybe(z.enum(['refuse', 'run'])),
    }),
  ])
  .register(hints, {
    keys: { text: 'message', prompt: 'message', question: 'message', unsupported: 'when_unsupported' },
    hint: (written) => (written === true ? 'write the question, such as `confirm: "Delete {{ name }}?"`' : undefined),
  });

const sharedFields = {
  title: text,
  description: text,
  tags: maybe(z.array(z.string())),
  icons: maybe(iconsSchema),
  parameters: maybe(parametersSchema),
  return: maybe(typeSchema),
  enabled: flag,
  scopes: maybe(z.array(z.string().regex(SCOPE, 'must be one scope of OAuth, without spaces and quotes'))),
  rate_limit: maybe(rateLimitSchema),
  tests: maybe(z.array(testSchema)),
  policies: maybe(policiesSchema),
  confirm: maybe(confirmSchema),
};

const sqlFields = { language: maybe(z.enum(['sql', 'python'])), source: sourceSchema, ...answerLimitFields };

const messageSchema = z
  .strictObject({
    prompt: text,
    role: text,
    type: text,
    file: text,
    uri: text,
    mime_type: mimeType,
    name: text,
    title: text,
    description: text,
    annotations: maybe(
      z.strictObject({
        audience: maybe(z.array(z.enum(['user', 'assistant'])).min(1, 'must have at least one of user and assistant')),
        priority: maybe(z.number().min(0, 'must not be negative').max(1, 'must be at most 1')),
      }),
    ),
  })
  .register(hints, {
    keys: {
      content: 'prompt',
      text: 'prompt',
      template: 'prompt',
      message: 'prompt',
      path: 'file',
      url: 'uri',
      resource: 'uri',
      mime: 'mime_type',
      mimeType: 'mime_type',
    },
    hint: (written) => (typeof written === 'string' ? 'write the text as `- prompt: …`' : undefined),
  });

/** What people write instead of the keys of an endpoint. */
const KEYS_OF_ENDPOINTS = {
  params: 'parameters',
  args: 'parameters',
  arguments: 'parameters',
  inputs: 'parameters',
  returns: 'return',
  output: 'return',
  result: 'return',
  desc: 'description',
  sql: 'source: { code: … }',
  query: 'source: { code: … }',
  code: 'source: { code: … }',
  file: 'source: { file: … }',
  disabled: 'enabled: false',
  ratelimit: 'rate_limit',
  rateLimit: 'rate_limit',
  rate_limits: 'rate_limit',
  maxRows: 'max_rows',
  row_limit: 'max_rows',
  limit: 'max_rows',
  maxBytes: 'max_bytes',
  labels: 'tags',
  icon: 'icons',
  confirmation: 'confirm',
  ask: 'confirm',
};

/** What MCP allows (2025-11-25). Clients give a name to a model unchanged, and one bad name makes them drop all tools. */
const nameSchema = z.string().regex(/^[\w.-]{1,128}$/, {
  error: ({ input }) => {
    const allowed = String(input)
      .trim()
      .replaceAll(/[^\w.-]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
      .slice(0, 64);
    const example = allowed === '' ? '' : `, such as "${allowed}"`;
    return `must have 1 to 128 letters (A-Z, a-z), digits, "_", "-" and "."${example}`;
  },
});

const pagingSchema = z.union([z.boolean(), z.enum(['offset', 'cursor'])], {
  error: 'must be `offset`, which `true` means too, or `cursor`',
});

/** By which argument callers ask for more; undefined without paging. */
export function toPaging(paging: z.infer<typeof pagingSchema> | undefined): Paging | undefined {
  return paging === true ? 'offset' : paging || undefined;
}

const updatesSchema = z
  .array(z.string().min(1, 'must not be empty'))
  .register(hints, {
    hint: (written) => (typeof written === 'string' ? `write a list, as ["${clip(written, 100)}"]` : undefined),
  });

const toolSchema = z
  .strictObject({
    name: nameSchema,
    annotations: maybe(
      z.strictObject({
        title: text,
        readOnlyHint: flag,
        destructiveHint: flag,
        idempotentHint: flag,
        openWorldHint: flag,
      }),
    ),
    paging: maybe(pagingSchema),
    keep_result: flag,
    updates: maybe(updatesSchema),
    ...sharedFields,
    ...sqlFields,
  })
  .register(hints, {
    keys: {
      ...KEYS_OF_ENDPOINTS,
      page: 'paging',
      pagination: 'paging',
      paged: 'paging',
      keep_results: 'keep_result',
      updated: 'updates',
      changes: 'updates',
      invalidates: 'updates',
    },
  });

/** Hints for clients about a resource, with the names that MCP gives them. */
const annotationsSchema = z
  .strictObject({
    audience: maybe(z.array(z.enum(['user', 'assistant'])).min(1, 'must name whom the resource is for')),
    priority: maybe(z.number().min(0, 'must be from 0 to 1').max(1, 'must be from 0 to 1')),
    lastModified: maybe(
      z.iso.datetime({ offset: true, error: 'must be a date and time in ISO 8601, as "2026-01-31T09:00:00Z"' }),
    ),
  })
  .register(hints, { keys: { last_modified: 'lastModified' } });

const resourceSchema = z
  .strictObject({
    uri: z.string().regex(SCHEME, 'must begin with a scheme, as in "sales://regions"'),
    name: maybe(z.string().min(1, 'must not be empty')),
    annotations: maybe(annotationsSchema),
    cache: maybe(cacheSchema),
    mime_type: mimeType,
    ...sharedFields,
    ...sqlFields,
  })
  .superRefine(({ cache, policies, scopes }, context) => {
    const isProtected = policies !== undefined || (scopes !== undefined && scopes.length > 0);
    if (cache?.scope !== 'public' || !isProtected) return;
    const message = 'must not be `public`, because not every caller may read this resource; remove `scope`';
    context.addIssue({ code: 'custom', path: ['cache', 'scope'], message });
  })
  .register(hints, {
    keys: { ...KEYS_OF_ENDPOINTS, url: 'uri', mime: 'mime_type', mimeType: 'mime_type', type: 'mime_type' },
  });

const promptSchema = z
  .strictObject({
    name: nameSchema,
    messages: z.array(messageSchema).min(1, 'must have at least one message'),
    ...sharedFields,
  })
  .register(hints, { keys: { ...KEYS_OF_ENDPOINTS, prompt: 'messages', template: 'messages', content: 'messages' } });

/** A whole endpoint file. `read-definition.ts` checks that it has exactly one kind, for a better message. */
export const endpointFileSchema = z.strictObject({
  mxcp: maybe(
    z.union([z.literal(1), z.literal('1')], {
      error: ({ input }) => `must be 1, not ${clip(JSON.stringify(input), 100)}`,
    }),
  ),
  tool: maybe(toolSchema),
  resource: maybe(resourceSchema),
  prompt: maybe(promptSchema),
  metadata: maybe(z.record(z.string(), z.unknown())),
});

export type EndpointFileContents = z.infer<typeof endpointFileSchema>;
export type ToolFields = z.infer<typeof toolSchema>;
export type ResourceFields = z.infer<typeof resourceSchema>;
export type ConfirmFields = z.infer<typeof confirmSchema>;
export type MessageFields = z.infer<typeof messageSchema>;
export type EndpointFields = ToolFields | ResourceFields | z.infer<typeof promptSchema>;
export type EndpointTest = z.infer<typeof testSchema>;

export type EndpointParts = ReturnType<typeof readParts>;

/**
 * The parts of an endpoint that the rules check. A sound file was parsed as a whole, and its parts are taken as they are. Of any
 * other file each part is parsed by itself, and a part that the schema refuses is undefined, so one mistake hides no other.
 */
export function readParts(
  contents: unknown,
  kind: Exclude<keyof EndpointFileContents, 'mxcp' | 'metadata'>,
  isSound: boolean,
) {
  const read = isSound ? trust : parse;
  const fields = isMapping(contents) && isMapping(contents[kind]) ? contents[kind] : {};
  const uri = read(anyText, fields['uri']);
  const parameters = toList(fields['parameters']);
  return {
    kind,
    uri,
    parameters: parameters.map((each) => read(parameterSchema, each)),
    /** The names of the same parameters, even of refused ones; undefined for a parameter without a readable name. */
    declared: parameters.map((each) => read(named, each)?.name),
    returns: read(typeSchema, fields['return']),
    paging: toPaging(read(pagingSchema, fields['paging'] ?? undefined)),
    hasReturns: fields['return'] !== undefined && fields['return'] !== null,
    policies: fields['policies'] === null ? undefined : read(policiesSchema, fields['policies']),
    messages: toList(fields['messages']).map((each) => read(messageSchema, each)),
    confirm: fields['confirm'] === null ? undefined : read(confirmSchema, fields['confirm']),
    /** Undefined for a prompt, which has no source. */
    run: kind === 'prompt' ? undefined : read(runSchema, fields),
    updates: fields['updates'] === null ? undefined : read(updatesSchema, fields['updates']),
    isReadOnly: isMapping(fields['annotations']) && fields['annotations']['readOnlyHint'] === true,
    icons: fields['icons'] === null ? undefined : read(iconsSchema, fields['icons']),
    name: read(anyText, fields['name']),
    /** Undefined for a resource: its Python file alone determines the function. */
    functionName: uri === undefined ? read(anyText, fields['name']) : undefined,
  };
}

const anyText = z.string();
const named = z.object({ name: z.string() });
const runSchema = z.object(sqlFields);

function parse<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  return schema.safeParse(value).data;
}

function trust<T>(_schema: z.ZodType<T>, value: unknown): T | undefined {
  // The schema of the whole file, which contains this one, has made this value.
  return value as T | undefined;
}

/** Anything but a list counts as a list of one refused item. */
function toList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [undefined];
}
