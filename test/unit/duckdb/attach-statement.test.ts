import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renameDatabases, toAttach } from '../../../src/duckdb/database/attachments.js';

const SHOP = { name: 'shop', type: 'postgres', path: '', readonly: true, options: {} };

describe('the statement that attaches a database', () => {
  const statement = (
    definition: Partial<typeof SHOP> & { options?: Record<string, string | number | boolean> },
    count = 0,
  ) => toAttach({ ...SHOP, ...definition }, { as: 'shop', secret: undefined, count });

  it('has another path each time, so that DuckDB replaces the earlier one', () => {
    expect([0, 1, 2].map((count) => statement({}, count))).toEqual([
      `ATTACH 'connect_timeout=10' AS "shop" (TYPE postgres, READ_ONLY)`,
      `ATTACH OR REPLACE 'connect_timeout=10 ' AS "shop" (TYPE postgres, READ_ONLY)`,
      `ATTACH OR REPLACE 'connect_timeout=10' AS "shop" (TYPE postgres, READ_ONLY)`,
    ]);
    const address = { path: 'postgresql://db/shop' };
    expect(statement(address)).toContain(`'postgres://db/shop?connect_timeout=10'`);
    expect(statement(address, 1)).toContain(`'postgresql://db/shop?connect_timeout=10'`);
    expect(statement({ type: 'mysql', path: 'host=db' }, 1)).toContain(`'host=db '`);
  });

  it('gives each catalog of a DuckLake a name of its own', () => {
    const lake = { ...SHOP, name: 'lake', type: 'ducklake', path: 'postgres:dbname=lake' };
    expect(toAttach(lake, { as: 'lake', secret: 'meta', count: 1 })).toBe(
      `ATTACH OR REPLACE 'postgres:connect_timeout=10 dbname=lake ' AS "lake" (TYPE ducklake, READ_ONLY, META_SECRET 'meta', METADATA_CATALOG '__mxcp_catalog_lake_1')`,
    );
  });

  it('leaves a file and a limit of the project as they are', () => {
    expect(statement({ type: 'sqlite', path: 'a.sqlite' }, 1)).toContain(`'a.sqlite' AS`);
    expect(statement({ type: 'ducklake', path: 'lake.ducklake' }, 1)).toContain(`'lake.ducklake' AS`);
    expect(statement({ path: 'connect_timeout=3' })).toContain(`'connect_timeout=3' AS`);
    expect(statement({ path: 'postgres://db/shop?connect_timeout=3&a=b' })).toContain('shop?connect_timeout=3&a=b');
  });

  it('quotes every value', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (path, value) => {
        const sql = statement({ type: 'sqlite', path, options: { BUSY_TIMEOUT: value } });
        const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
        expect(sql).toBe(`ATTACH ${quoted(path)} AS "shop" (TYPE sqlite, READ_ONLY, BUSY_TIMEOUT ${quoted(value)})`);
      }),
    );
  });
});

describe('the names of attached databases in a text', () => {
  const rename = (sql: string) => renameDatabases(sql, new Set(['shop']));

  it.each([
    ['SELECT * FROM shop.orders', 'SELECT * FROM "__mxcp_next_shop".orders'],
    ['FROM Shop . public."Orders" o', 'FROM "__mxcp_next_Shop" . public."Orders" o'],
    ['FROM "shop".orders, shop.a', 'FROM "__mxcp_next_shop".orders, "__mxcp_next_shop".a'],
  ])('are replaced in %s', (sql, expected) => expect(rename(sql)).toBe(expected));

  it.each([
    'SELECT shop FROM t',
    'SELECT other.shop.a FROM other.shop',
    "SELECT 'shop.orders' -- shop.orders",
    '/* shop.orders */ SELECT $shop.a',
    'SELECT * FROM workshop.orders',
  ])('stay in %s', (sql) => expect(rename(sql)).toBe(sql));
});
