import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endsInTransaction, scanParameterNames } from '../../../src/duckdb/statements/sql-text.js';

describe('scanning a text for parameters', () => {
  test.each([
    ['SELECT $a, $b_2, $A1', ['a', 'b_2', 'A1']],
    ['SELECT $a + $a', ['a']],
    ['SELECT $1, $2', ['1', '2']],
    ['SELECT $größe', ['größe']],
    ['SELECT 1', []],
    ["SELECT '$no', $yes", ['yes']],
    ["SELECT 'it''s $no', $yes", ['yes']],
    ['SELECT "$no" AS "a""$no", $yes', ['yes']],
    ['SELECT $$ $no $$, $yes', ['yes']],
    ['SELECT $tag$ $no $$ $tag$, $yes', ['yes']],
    ['SELECT 1 -- $no\n, $yes', ['yes']],
    ['SELECT /* $no\n$no */ $yes', ['yes']],
    ["SELECT '-- not a comment', $yes", ['yes']],
    ["SELECT 1 -- it's\n, $yes -- isn't", ['yes']],
    ['SELECT $a::INT, x[$b], {k: $c}', ['a', 'b', 'c']],
    ['SELECT $x AS a, n AS b$c, $$$no$$', ['x']],
    ['SELECT /* a /* b */ $no */ $yes /* $no', ['yes']],
    ['SELECT $é$ ; $no $e$ $é$, $yes', ['yes']],
    ["SELECT E'it\\'s $no', e'\\\\', $yes", ['yes']],
    ["SELECT abce'\\', $yes", ['yes']],
    ['SELECT ?, ?', ['1']],
    ['SELECT a\u00a0$yes\u3000', ['yes']],
  ])('%s names %j', (sql, names) => {
    expect(scanParameterNames(sql)).toEqual(names);
  });

  test('finds every parameter between parts that have none', () => {
    const noise = fc.constantFrom("'$x'", '"$x"', '$$ $x $$', '$t$ $x $t$', '-- $x\n', '/* $x */', ' , ', '1');
    const name = fc.constantFrom('alpha', 'beta', 'gamma_1', '_d');
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, name)), (parts) => {
        const sql = parts.map(([before, parameter]) => `${before} $${parameter} `).join(' ');
        expect(scanParameterNames(sql)).toEqual([...new Set(parts.map(([, parameter]) => parameter))]);
      }),
    );
  });

  test.each([
    ['BEGIN; INSERT INTO t VALUES (1)', true],
    ['begin transaction', true],
    ['SELECT 1; /* why */ START -- now\n TRANSACTION; SELECT 2;', true],
    ['BEGIN; COMMIT; BEGIN', true],
    ['BEGIN; SELECT 1; COMMIT', false],
    ['BEGIN; SELECT 1; END;', false],
    ['BEGIN; ROLLBACK', false],
    ["SELECT 'BEGIN; BEGIN'", false],
    ['SELECT CASE WHEN true THEN 1 END AS begin', false],
    ['FROM begin', false],
    ['-- ; BEGIN', false],
    ['', false],
  ])('%j leaves a transaction open: %j', (sql, isOpen) => {
    expect(endsInTransaction(sql)).toBe(isOpen);
  });

  test('takes any text in little time', () => {
    const start = performance.now();
    scanParameterNames("$a$ '".repeat(20_000));
    scanParameterNames('/*'.repeat(20_000));
    scanParameterNames(`'${"''".repeat(50_000)}`);
    scanParameterNames(`E'${"\\'".repeat(50_000)}`);
    scanParameterNames(`SELECT '${'x'.repeat(10_000_000)}'`);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
