import type { Caller } from '../../caller/index.js';
import type { Protection } from '../../config/index.js';
import { formatPlace, type SourcePosition } from '../../errors/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import type { ExplainedEndpoint } from './explain-policies.js';

/** What the rules for rows mean for one caller of an endpoint. They hold for those of the tables that its SQL reads. */
export interface RowExplanation {
  /** False for an endpoint that sees everything. */
  readonly applies: boolean;
  readonly tables: readonly {
    readonly table: string;
    readonly place: string;
    /** Null where all rows are visible. */
    readonly rows: string | null;
    readonly masks: Readonly<Record<string, string>>;
  }[];
  /** What the conditions and masks read of the caller, by the call that reads it. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** What the functions of SQL say about a caller. */
const READERS: readonly (readonly [shown: string, names: RegExp, read: (caller: Caller) => unknown])[] = [
  ['get_username()', /\bget_username\b/i, (caller) => caller.username],
  ['get_user_id()', /\bget_user_id\b/i, (caller) => caller.userId],
  ['get_user_email()', /\bget_user_email\b/i, (caller) => caller.email],
  ['get_user_provider()', /\bget_user_provider\b/i, (caller) => caller.provider],
  ['get_user_role()', /\bget_user_role\b/i, (caller) => caller.role],
  ['get_user_permissions()', /\b(?:get_user_permissions|has_permission)\b/i, (caller) => caller.permissions],
  ['get_user_capabilities()', /\b(?:get_user_capabilities|has_capability)\b/i, (caller) => caller.capabilities],
  ['get_user_scopes()', /\b(?:get_user_scopes|has_scope)\b/i, (caller) => caller.scopes],
  [
    'get_user_external_token()',
    /\bget_user_external_token\b/i,
    ({ externalToken }) => (externalToken === null ? null : '[secret]'),
  ],
  [
    'get_request_headers_json()',
    /\bget_request_headers?\b|\bget_request_headers_json\b/i,
    ({ requestHeaders }) => requestHeaders ?? null,
  ],
];

/** Undefined where no rule concerns the endpoint: no table has one, or it runs no SQL. */
export function explainRows(
  { kind, name, uri = name }: Pick<ExplainedEndpoint, 'kind' | 'name' | 'uri'>,
  caller: Caller,
  { tables, unfiltered }: Protection,
): RowExplanation | undefined {
  if (tables.length === 0 || kind === 'prompt') return undefined;
  const texts = tables.flatMap(({ rows = '', masks }) => [rows, ...masks.map(({ expression }) => expression)]);
  const read = READERS.filter(([, names]) => texts.some((text) => names.test(text)));
  return {
    applies: !unfiltered.includes(`${kind}/${kind === 'resource' ? uri : name}`),
    tables: tables.map(({ table, rows = null, masks, declaredAt }) => ({
      table,
      place: placeOf(declaredAt),
      rows,
      masks: Object.fromEntries(masks.map(({ column, expression }) => [column, expression])),
    })),
    values: Object.fromEntries(read.map(([shown, , of]) => [shown, of(caller)])),
  };
}

function placeOf(declaredAt: (() => SourcePosition) | undefined): string {
  return formatPlace({ ...declaredAt?.(), file: SITE_FILE_NAME });
}
