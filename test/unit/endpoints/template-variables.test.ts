import { describe, expect, it } from 'vitest';
import { findFreeVariables } from '../../../src/endpoints/prompts/template-variables.js';

describe('findFreeVariables', () => {
  it.each([
    ['plain text', []],
    ['{{ a }} {{ a.b }} {{ c["d"] }} {{ c[e] }}', ['a', 'c', 'e']],
    ['{{ join }} {{ a | join(",") }}', ['a', 'join']],
    ['{{ a | upper }} {{ b | default("x") }} {{ c | join(d) }}', ['a', 'b', 'c', 'd']],
    [
      '{% if a is defined and not b %}{{ c }}{% elif d == 1 %}{% else %}{{ e }}{% endif %}',
      ['a', 'b', 'c', 'd', 'e'],
    ],
    ['{% for x in xs %}{{ loop.index }}{{ x.name }}{{ y }}{% endfor %}', ['xs', 'y']],
    ['{% for k, v in m.items() %}{{ k }}{{ v }}{% endfor %}', ['m']],
    ['{% set a = b %}{{ a }}', ['b']],
    ['{% macro m(x, y=1) %}{{ x }}{{ y }}{{ z }}{% endmacro %}{{ m(q) }}', ['z', 'q']],
    ['{{ a if b else c }} {{ [d, {"k": e}] }} {{ f[1:g] }}', ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
    ['{{ range(n) }} {{ true }} {{ none }}', ['n']],
    ['{% filter upper %}{{ a }}{% endfilter %}', ['a']],
    ['{# {{ a }} #}', []],
  ])('of %s', (template, expected) => {
    expect(findFreeVariables(template).sort()).toEqual([...expected].sort());
  });

  it('throws for a template that does not parse', () => {
    expect(() => findFreeVariables('{% if a %}')).toThrow();
  });
});
