import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { explainRows } from '../../../src/endpoints/index.js';

const TABLES = [
  {
    table: 'orders',
    rows: 'HAS_PERMISSION(region)',
    masks: [{ column: 'email', expression: "CASE WHEN get_user_external_token() = 'x' THEN email END" }],
    declaredAt: () => ({ file: '/home/nora/shop/mxcp-site.yml', line: 9, column: 11 }),
  },
  { table: 'plain', rows: undefined, masks: [{ column: 'note', expression: 'NULL' }] },
];
const NORA = { ...ANONYMOUS, username: 'nora', permissions: ['north'], externalToken: 'gho_secret' };
const explain = (kind: 'tool' | 'resource' | 'prompt', name: string, uri?: string) =>
  explainRows({ kind, name, uri }, NORA, { tables: TABLES, unfiltered: ['tool/import', 'resource/data://all'] });

describe('the rules for rows, explained for a caller', () => {
  it('have what they read of the caller, without the token', () => {
    expect(explain('tool', 'orders')).toEqual({
      applies: true,
      tables: [
        {
          table: 'orders',
          place: 'mxcp-site.yml:9:11',
          rows: 'HAS_PERMISSION(region)',
          masks: { email: "CASE WHEN get_user_external_token() = 'x' THEN email END" },
        },
        { table: 'plain', place: 'mxcp-site.yml', rows: null, masks: { note: 'NULL' } },
      ],
      values: { 'get_user_permissions()': ['north'], 'get_user_external_token()': '[secret]' },
    });
  });

  it('do not hold for endpoints that are listed, and concern no prompt', () => {
    expect(explain('tool', 'import')?.applies).toBe(false);
    expect(explain('resource', 'all', 'data://all')?.applies).toBe(false);
    expect(explain('resource', 'import', 'data://import')?.applies).toBe(true);
    expect(explain('prompt', 'import')).toBeUndefined();
    expect(explainRows({ kind: 'tool', name: 'a' }, NORA, { tables: [], unfiltered: [] })).toBeUndefined();
  });
});
