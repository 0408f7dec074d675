import { describe, expect, test } from 'vitest';
import { castParameters } from '../../../src/duckdb/statements/sql-text.js';
import { TypedText } from '../../../src/duckdb/values/sql-values.js';

const SAMPLES = {
  text: 'x',
  count: 1,
  share: 1.5,
  flag: true,
  day: new TypedText('DATE', '2000-01-01'),
  moment: new TypedText('TIMESTAMPTZ', '2000-01-01T00:00:00Z'),
  names: ['x'],
  grid: [[1]],
  object: { a: 1 },
  nothing: null,
};

describe('writing parameters as casts', () => {
  test.each([
    ['SELECT $text', 'SELECT CAST($text AS VARCHAR)'],
    ['SELECT $count+$share', 'SELECT CAST($count AS BIGINT)+CAST($share AS DOUBLE)'],
    ['SELECT $flag', 'SELECT CAST($flag AS BOOLEAN)'],
    ['SELECT $day', 'SELECT CAST($day AS DATE)'],
    ['SELECT $moment', 'SELECT CAST($moment AS TIMESTAMP WITH TIME ZONE)'],
    ['SELECT $names, $grid', 'SELECT CAST($names AS VARCHAR[]), CAST($grid AS BIGINT[][])'],
    ['SELECT $text ORDER BY 1 LIMIT $count', 'SELECT CAST($text AS VARCHAR) ORDER BY 1 LIMIT CAST($count AS BIGINT)'],
    ["SELECT E'\\'', $text", "SELECT E'\\'', CAST($text AS VARCHAR)"],
    ['SELECT /* BY */ $text', 'SELECT /* BY */ CAST($text AS VARCHAR)'],
    ['SELECT 1 -- one\r, $text', 'SELECT 1 -- one\r, CAST($text AS VARCHAR)'],
    ['SELECT a\u00a0$text', 'SELECT a\u00a0CAST($text AS VARCHAR)'],
    ['SELECT $nothing, $nothing IS NULL', 'SELECT (NULL), (NULL) IS NULL'],
    ['SELECT $text::DATE', 'SELECT CAST($text AS VARCHAR)::DATE'],
  ])('%s becomes %s', (sql, cast) => {
    expect(castParameters(sql, SAMPLES)).toBe(cast);
  });

  test.each([
    "SELECT '$text', 'it''s $text'",
    'SELECT "$text", "a""$text"',
    'SELECT 1 -- $text',
    'SELECT a$text, ä$text',
    'SELECT $1, ?',
    'SELECT $$ $text $$, $tag$ $text $tag$, $é$ $text $é$',
    "SELECT E'\\' $text', e'''$text'",
    'SELECT /* /* */ $text */ 1',
    'SELECT 1 -- one $text',
  ])('leaves alone what is none: %s', (sql) => {
    expect(castParameters(sql, SAMPLES)).toBe(sql);
  });

  test.each([
    'SELECT 1 ORDER BY $text',
    'SELECT a FROM t GROUP BY a, ($text)',
    'SELECT a FROM t GROUP BY -- all\n $text',
    'SELECT DISTINCT ON ($text) a FROM t',
    'SELECT $textä',
    'SELECT $unknown, $text',
    'SELECT $toString',
    'SELECT $object',
  ])('does not try %j', (sql) => {
    expect(castParameters(sql, SAMPLES)).toBeUndefined();
  });
});
