import { clip } from '../../errors/index.js';
import { isMapping, type KeyPath } from '../../yaml/index.js';
import type { ToolDefinition } from '../definitions/endpoint-definition.js';

export const CLIENTS = ['claude', 'openai', 'gemini', 'vscode', 'cursor'] as const;
export type Client = (typeof CLIENTS)[number];

export const CLIENT_LABELS: Readonly<Record<Client, string>> = {
  claude: 'Claude',
  openai: 'OpenAI',
  gemini: 'Gemini',
  vscode: 'VS Code',
  cursor: 'Cursor',
};

/** Limits that `mxcp lint` names too. A server of a client has a name that tools share their room with. */
export const CLIENT_LIMITS = {
  openaiDescription: 1024,
  openaiTools: 128,
  cursorName: 60,
  cursorTools: 80,
  /** What is left of `cursorName` beside the name of a server. */
  nameBesideServer: 45,
} as const;

/** What a rule found at a key of a definition. */
export interface ClientNote {
  readonly at: KeyPath;
  /** After "Claude refuses every request with this tool: ". */
  readonly reason: string;
  readonly suggestion: string;
}

/** A part of the schema that clients get, and where its declaration is. */
export interface SchemaPlace {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly at: KeyPath;
  /** In quotes, for messages. */
  readonly label: string;
  /** Of a parameter or member; undefined for the items of a list. */
  readonly name: string | undefined;
  /** How many objects and lists it is in, the one of all parameters included. */
  readonly depth: number;
}

export interface ClientRule {
  readonly id: string;
  readonly client: Client;
  /** What is refused or changed, for the documentation. */
  readonly subject: string;
  /** What the client does then, after its name. */
  readonly consequence: string;
  /** Who says so, and when it was said. */
  readonly source: string;
  readonly date: string;
  readonly find: (tool: ToolDefinition, places: readonly SchemaPlace[]) => readonly ClientNote[];
}

/** A limit on how many tools a client takes. */
export interface ToolCountRule extends Omit<ClientRule, 'find'> {
  readonly most: number;
}

const REQUEST = 'refuses every request with this tool';
const STRICT = 'refuses this tool in strict mode';

/**
 * What clients do to tools. A client that passes schemas on to a model is bound by the rules of that model; those of `gemini` hold
 * for clients that pass them on unchanged. No rule is here for what the advertised schemas never have: lists of types, arrays
 * without `items`, combinators at the top, `format: uri`.
 */
export const CLIENT_RULES: readonly ClientRule[] = [
  {
    id: 'claude-name',
    client: 'claude',
    subject: 'a tool name beyond 64 letters, digits, `_` and `-`',
    consequence: 'refuses all tools of the server',
    source: 'https://github.com/evoila/meho/issues/2745',
    date: '2026-08-02',
    find: (tool) => findName(tool, /^[\w-]{1,64}$/, 'use at most 64 letters, digits, "_" and "-"'),
  },
  {
    id: 'claude-members',
    client: 'claude',
    subject: 'a parameter or member name beyond 64 letters, digits, `_`, `-` and `.`',
    consequence: REQUEST,
    source: 'https://github.com/decocms/studio/pull/6874',
    date: '2026-09-02',
    find: (_tool, places) => findMembers(places, /^[\w.-]{1,64}$/, 'use at most 64 letters, digits, "_", "-" and "."'),
  },
  {
    id: 'claude-description',
    client: 'claude',
    subject: 'a description of more than 2048 characters',
    consequence: 'cuts the description off without a word',
    source: 'https://github.com/anthropics/claude-code/issues/87650',
    date: '2026-08-18',
    find: (tool) => findDescription(tool, 2048),
  },
  {
    id: 'openai-name',
    client: 'openai',
    subject: 'a tool name beyond 64 letters, digits, `_` and `-`',
    consequence: REQUEST,
    source: 'https://github.com/cline/cline/pull/11885',
    date: '2026-06-26',
    find: (tool) => findName(tool, /^[\w-]{1,64}$/, 'use at most 64 letters, digits, "_" and "-"'),
  },
  {
    id: 'openai-description',
    client: 'openai',
    subject: `a description of more than ${CLIENT_LIMITS.openaiDescription} characters`,
    consequence: REQUEST,
    source: 'https://github.com/gptme/gptme/issues/1697',
    date: '2026-03-18',
    find: (tool) => findDescription(tool, CLIENT_LIMITS.openaiDescription),
  },
  {
    id: 'openai-depth',
    client: 'openai',
    subject: 'parameters of more than 10 levels',
    consequence: STRICT,
    source: 'https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas',
    date: '2026-11-28',
    find: (_tool, places) =>
      places
        .filter(({ depth, schema: { type } }) => depth === 10 && (type === 'object' || type === 'array'))
        .map(({ at, label }) => ({
          at,
          reason: `${label} is on level 11, and 10 are allowed`,
          suggestion: 'flatten it',
        })),
  },
  {
    id: 'openai-values',
    client: 'openai',
    subject: 'parameters with more than 1000 values of `enum` in all',
    consequence: STRICT,
    source: 'https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas',
    date: '2026-11-28',
    find: (_tool, places) => {
      const count = places.reduce(
        (sum, { schema }) => sum + (Array.isArray(schema['enum']) ? schema['enum'].length : 0),
        0,
      );
      if (count <= 1000) return [];
      const reason = `its parameters list ${count} values, and 1000 are allowed`;
      return [{ at: [], reason, suggestion: 'let a tool or a resource list them instead' }];
    },
  },
  {
    id: 'gemini-name',
    client: 'gemini',
    subject: 'a tool name that begins with a digit or a `-`, or has more than 64 characters',
    consequence: REQUEST,
    source:
      'https://cloud.google.com/vertex-ai/generative-ai/docs/reference/java/latest/com.google.cloud.vertexai.api.FunctionDeclarationOrBuilder',
    date: '2026-11-28',
    find: (tool) =>
      findName(tool, /^[A-Za-z_][\w.-]{0,63}$/, 'begin with a letter or "_", and use at most 64 characters'),
  },
  {
    id: 'gemini-members',
    client: 'gemini',
    subject: 'a parameter or member name beyond 64 letters, digits and `_`, or that begins with a digit',
    consequence: REQUEST,
    source:
      'https://cloud.google.com/vertex-ai/generative-ai/docs/reference/java/latest/com.google.cloud.vertexai.api.FunctionDeclarationOrBuilder',
    date: '2026-11-28',
    find: (_tool, places) =>
      findMembers(
        places,
        /^[A-Za-z_]\w{0,63}$/,
        'begin with a letter or "_", then use at most 63 letters, digits and "_"',
      ),
  },
  {
    id: 'gemini-format',
    client: 'gemini',
    subject: 'a `format` other than `date-time`',
    consequence: REQUEST,
    source: 'https://github.com/google-gemini/gemini-cli/issues/2237',
    date: '2025-06-27',
    find: (_tool, places) =>
      places
        .filter(({ schema: { format } }) => format !== undefined && format !== 'date-time')
        .map(({ schema, at, label }) => ({
          at: [...at, 'format'],
          reason: `${label} has the format ${String(schema['format'])}, and only date-time is allowed`,
          suggestion: 'say it in the description, with a `pattern`',
        })),
  },
  {
    id: 'gemini-values',
    client: 'gemini',
    subject: 'an `enum` with values that are not text, or are empty',
    consequence: REQUEST,
    source: 'https://github.com/sbroenne/mcp-server-excel/issues/607',
    date: '2026-04-24',
    find: (_tool, places) => places.flatMap(findValues),
  },
  {
    id: 'gemini-object',
    client: 'gemini',
    subject: 'an object without `properties` within the parameters',
    consequence: REQUEST,
    source: 'https://github.com/MarkusPfundstein/mcp-obsidian/issues/21',
    date: '2025-03-20',
    find: (_tool, places) =>
      places
        .filter(({ schema: { type, properties } }) => type === 'object' && !hasKeys(properties))
        .map(({ at, label }) => ({ at, reason: `${label} has no \`properties\``, suggestion: 'add `properties`' })),
  },
  {
    id: 'gemini-items',
    client: 'gemini',
    subject: 'a list whose `items` have no type',
    consequence: 'leaves out this tool',
    source: 'https://github.com/JetBrains/mcp-jetbrains/issues/71',
    date: '2025-08-13',
    find: (_tool, places) =>
      places
        .filter(({ schema: { type, items } }) => type === 'array' && !hasKeys(items))
        .map(({ at, label }) => ({ at, reason: `${label} does not say what it contains`, suggestion: 'add `items`' })),
  },
  {
    id: 'gemini-keywords',
    client: 'gemini',
    subject: '`exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `uniqueItems`, `examples`',
    consequence: 'refuses every request with this tool, unless the client removes what it does not know',
    source: 'https://github.com/router-for-me/CLIProxyAPI/pull/2142',
    date: '2026-03-14',
    find: (_tool, places) => places.flatMap(findUnknownKeywords),
  },
  {
    id: 'vscode-name',
    client: 'vscode',
    subject: 'a tool name with characters other than letters, digits, `_` and `-`',
    consequence: 'shows this tool under another name',
    source: 'https://github.com/microsoft/vscode/blob/main/src/vs/workbench/contrib/mcp/common/mcpServer.ts',
    date: '2026-11-28',
    find: (tool) => findName(tool, /^[\w-]*$/, 'use letters, digits, "_" and "-"'),
  },
  {
    id: 'vscode-length',
    client: 'vscode',
    subject: 'a tool name of more than 46 characters, beside up to 18 for the server',
    consequence: 'may cut the name off',
    source: 'https://github.com/microsoft/vscode/blob/main/src/vs/workbench/contrib/mcp/common/mcpTypes.ts',
    date: '2026-11-28',
    find: (tool) => findLongName(tool, 46),
  },
  {
    id: 'cursor-name',
    client: 'cursor',
    subject: `a tool name that has more than ${CLIENT_LIMITS.cursorName} characters together with the name of the server; reported from ${CLIENT_LIMITS.nameBesideServer + 1} on`,
    consequence: 'leaves out this tool if the name of the server is long',
    source: 'https://github.com/ComposioHQ/composio/issues/2788',
    date: '2026-02-27',
    find: (tool) => findLongName(tool, CLIENT_LIMITS.nameBesideServer),
  },
];

export const TOOL_COUNT_RULES: readonly ToolCountRule[] = [
  {
    id: 'openai-tools',
    client: 'openai',
    subject: `more than ${CLIENT_LIMITS.openaiTools} tools`,
    consequence: 'refuses every request',
    source: 'https://github.com/zed-industries/zed/issues/42393',
    date: '2025-11-10',
    most: CLIENT_LIMITS.openaiTools,
  },
  {
    id: 'vscode-tools',
    client: 'vscode',
    subject: 'more than 128 tools',
    consequence: 'refuses every request',
    source: 'https://github.com/microsoft/vscode/issues/261213',
    date: '2025-08-12',
    most: 128,
  },
  {
    id: 'cursor-tools',
    client: 'cursor',
    subject: `more than ${CLIENT_LIMITS.cursorTools} tools of all servers`,
    consequence: 'leaves out the rest',
    source: 'https://github.com/Snowflake-Labs/mcp/issues/77',
    date: '2025-09-02',
    most: CLIENT_LIMITS.cursorTools,
  },
];

function findName({ name }: ToolDefinition, allowed: RegExp, suggestion: string): ClientNote[] {
  return allowed.test(name) ? [] : [{ at: ['name'], reason: `its name is "${clip(name, 140)}"`, suggestion }];
}

function findLongName({ name }: ToolDefinition, most: number): ClientNote[] {
  if (name.length <= most) return [];
  return [{ at: ['name'], reason: `its name has ${name.length} characters`, suggestion: `use at most ${most}` }];
}

function findDescription({ description = '' }: ToolDefinition, most: number): ClientNote[] {
  const { length } = description;
  if (length <= most) return [];
  const reason = `it has ${length} characters, and ${most} are allowed`;
  return [{ at: ['description'], reason, suggestion: 'move details to the descriptions of parameters' }];
}

function findMembers(places: readonly SchemaPlace[], allowed: RegExp, suggestion: string): ClientNote[] {
  return places
    .filter(({ name }) => name !== undefined && !allowed.test(name))
    .map(({ at, label }) => ({ at, reason: `it has a member ${label}`, suggestion }));
}

function findValues({ schema, at, label }: SchemaPlace): ClientNote[] {
  const { enum: values, type } = schema;
  if (!Array.isArray(values)) return [];
  const place = [...at, 'enum'];
  if (type !== 'string')
    return [
      {
        at: place,
        reason: `the \`enum\` of ${label} has values of type ${String(type)}`,
        suggestion: 'declare strings, or name the values in the description',
      },
    ];
  if (!values.includes('')) return [];
  return [{ at: place, reason: `the \`enum\` of ${label} has an empty text`, suggestion: 'name that value' }];
}

const UNKNOWN_TO_GEMINI = ['exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'uniqueItems', 'examples'] as const;

function findUnknownKeywords({ schema, at, label }: SchemaPlace): ClientNote[] {
  const unknown = UNKNOWN_TO_GEMINI.filter((keyword) => schema[keyword] !== undefined);
  if (unknown.length === 0) return [];
  const reason = `${label} has ${unknown.map((keyword) => `\`${keyword}\``).join(', ')}`;
  return [{ at, reason, suggestion: 'say it in the description' }];
}

function hasKeys(value: unknown): boolean {
  return isMapping(value) && Object.keys(value).length > 0;
}
