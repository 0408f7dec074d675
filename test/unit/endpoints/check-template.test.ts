import { describe, expect, it } from 'vitest';
import { checkTemplate } from '../../../src/prompts/check-template.js';

const variablesOf = (template: string) => checkTemplate(template).variables.map(({ name }) => name);
const mistakesOf = (template: string) =>
  checkTemplate(template).mistakes.map(({ line, message }) => `${line}: ${message}`);

describe('the variables of a template', () => {
  it.each([
    ['plain text', []],
    ['{{ a }} {{ a.b }} {{ c["d"] }} {{ c[e] }}', ['a', 'c', 'e']],
    ['{{ join }} {{ a | join(",") }}', ['join', 'a']],
    ['{{ a | upper }} {{ b | default("x") }} {{ c | join(d) }}', ['a', 'b', 'c', 'd']],
    ['{{ a and b or not c not in d }}', ['a', 'b', 'c', 'd']],
    ['{% if a is defined and not b %}{{ c }}{% elif d == 1 %}{% else %}{{ e }}{% endif %}', ['a', 'b', 'c', 'd', 'e']],
    ['{% for x in xs %}{{ loop.index }}{{ x.name }}{{ y }}{% endfor %}', ['xs', 'y']],
    ['{% for x in xs if x.ok and z %}{{ x }}{% else %}{{ w }}{% endfor %}', ['xs', 'z', 'w']],
    ['{% for k, v in m.items() %}{{ k }}{{ v }}{% endfor %}', ['m']],
    ['{% set a = b %}{{ a }}', ['b']],
    ['{% set a %}{{ b }}{% endset %}{{ a }}', ['b']],
    ['{% macro m(x, y=1) %}{{ x }}{{ y }}{{ z }}{% endmacro %}{{ m(q) }}', ['z', 'q']],
    ['{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(u) m() %}{{ u }}{{ v }}{% endcall %}', ['v']],
    ['{{ a if b else c }} {{ [d, {"k": e}] }} {{ f[1:g] }}', ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
    ['{{ range(n) }} {{ true }} {{ none }}', ['n']],
    ['{% filter upper %}{{ a }}{% endfilter %}', ['a']],
    ['{% set ns = namespace(n=a) %}{% set ns.n = b %}{{ ns.n }}', ['a', 'b']],
    ['{# {{ a }} #}', []],
    ['{{ "}}" ~ a }} {{ {"k": {"l": b}} }} {{ "{{" ~ \'%}\' }}', ['a', 'b']],
    ['{%- if a -%} {{- b -}} {%- endif -%}', ['a', 'b']],
  ])('of %s', (template, expected) => {
    expect(checkTemplate(template).mistakes).toEqual([]);
    expect(variablesOf(template).sort()).toEqual([...expected].sort());
  });

  it('have the line of their first use', () => {
    expect(checkTemplate('{{ a }}\n\n{{ b }}{% if a %}\n{{ c }}{% endif %}').variables).toEqual([
      { name: 'a', line: 0 },
      { name: 'b', line: 2 },
      { name: 'c', line: 3 },
    ]);
  });
});

describe('a mistake in a template', () => {
  it.each([
    ['x\n{{ a', ['1: "{{" is not closed; add "}}"']],
    ['{{ a }', ['0: "{{" is not closed; add "}}"']],
    ['{{ a\n{% if b %}{% endif %}', ['0: "{{" is not closed; add "}}"']],
    ['{{ "a }}', ['0: "{{ "a }}" is not valid Jinja']],
    ['a\n{% if b }', ['1: "{%" is not closed; add "%}"']],
    ['{# a', ['0: "{#" is not closed; add "#}"']],
    ['\n{% if a %}x', ['1: {% if %} has no end; add {% endif %}']],
    ['{% for a in b %}\n{% if a %}\n{% endfor %}', ['1: {% if %} has no end; add {% endif %}']],
    ['{% set a %}x', ['0: {% set %} has no end; add {% endset %}']],
    ['a {% endif %}', ['0: {% endif %} closes nothing: no {% if %} is open']],
    ['{% else %}', ['0: {% else %} must be directly in {% if %} or {% for %}']],
    ['{% for a in b %}{% elif a %}{% endfor %}', ['0: {% elif %} must be directly in {% if %}']],
    [
      '{% include "x" %}',
      [
        '0: {% include %} is not supported; prompts support if, for, set, macro, call, filter, elif, else, break, continue',
      ],
    ],
    ['{% quux %}', [expect.stringMatching(/^0: there is no statement "quux"; prompts support if, /)]],
    ['{% endfr %}', ['0: there is no statement "endfr"; did you mean "endfor"?']],
    ['{% if %}{% endif %}', ['0: "{% if %}" is not valid Jinja']],
    ['{%+ if a %}', ['0: "{%" needs a statement, such as "if" or "for"']],
    ['{{ a b }}', ['0: "{{ a b }}" is not valid Jinja']],
    ['{{ }}', ['0: "{{ }}" is not valid Jinja']],
    [
      '{{ a is divisibleby(3) }}',
      ['0: "{{ a is divisibleby(3) }}" is not valid Jinja; tests accept no arguments in prompts'],
    ],
    [
      '{% for a in b %}{{ loop.indx }}{% endfor %}',
      ['0: there is no loop value "indx" in prompts; did you mean "index"?'],
    ],
    ['{{ loop.depth }}{% break %}', ['0: {% break %} must be in {% for %}']],
    ['{{ a | uper }}', ['0: there is no filter "uper" in prompts; did you mean "upper"?']],
    ['{{ a | trim("-") }}', ['0: the filter "trim" accepts no arguments in prompts']],
    [
      '{{ a | truncate(5, True, "", 0, 1) }}',
      ['0: the filter "truncate" accepts only length, killwords, end, leeway in prompts'],
    ],
    ['{{ a | e(size=1) }}', ['0: the filter "e" accepts no arguments in prompts']],
    ['{% filter uper %}x{% endfilter %}', ['0: there is no filter "uper" in prompts; did you mean "upper"?']],
    ['{{ a is definde }}', ['0: there is no test "definde" in prompts; did you mean "defined"?']],
    ['{{ a | selectattr("b", "od") }}', ['0: there is no test "od" in prompts; did you mean "odd"?']],
    ['{{ a | map("upper") }}', ['0: the filter "map" needs an attribute in prompts: map(attribute="name")']],
    ['{{ rnge(3) }}', ['0: there is no function "rnge" in prompts; did you mean "range"?']],
    ['{{ a.uppr() }}', ['0: there is no method "uppr" in prompts; did you mean "upper"?']],
    [
      '{{ a | x1y }}\n{{ b is x2y }}\n{{ c',
      [
        '0: there is no filter "x1y" in prompts',
        '1: there is no test "x2y" in prompts',
        '2: "{{" is not closed; add "}}"',
      ],
    ],
  ])('in %j', (template, expected) => {
    expect(mistakesOf(template)).toEqual(expected);
  });

  it('that no single tag shows is reported for the whole template', () => {
    expect(mistakesOf('{% if a %}{% endif b %}')).toEqual([
      expect.stringMatching(/^0: the template is not valid Jinja: /),
    ]);
  });

  it.each([101, 3000])('that nests %d blocks is refused with a limit, not with the stack of the parser', (depth) => {
    const text = `${'{% for i in [1] %}'.repeat(depth)}x${'{% endfor %}'.repeat(depth)}`;
    expect(mistakesOf(text)).toEqual(['0: {% for %} is nested in more than 100 blocks']);
    expect(mistakesOf('{% if a %}'.repeat(100) + '{% endif %}'.repeat(100))).toEqual([]);
  });

  it.each([
    ['brackets', `{{ ${'('.repeat(9000)}1${')'.repeat(9000)} }}`],
    ['operators', `{{ ${'not '.repeat(9000)}1 }}`],
  ])('that nests too many %s says so', (_what, text) => {
    expect(mistakesOf(text)).toEqual([
      expect.stringMatching(/^0: ".*…" nests too many levels of brackets or operators$/),
    ]);
  });
});
