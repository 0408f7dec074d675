import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanParameterNames } from '../../../src/duckdb/statements/inspection.js';

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

  test('takes any text in little time', () => {
    const start = performance.now();
    scanParameterNames("$a$ '".repeat(20_000));
    scanParameterNames('/*'.repeat(20_000));
    scanParameterNames(`'${"''".repeat(50_000)}`);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
