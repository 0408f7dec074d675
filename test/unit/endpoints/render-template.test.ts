import { describe, expect, it } from 'vitest';
import { prepareTemplate, renderAll } from '../../../src/prompts/render-template.js';

const render = (template: string, values: Readonly<Record<string, unknown>> = {}) =>
  renderAll([prepareTemplate(template)], { values, maxBytes: 1_000 });

/** The texts are those of Python's jinja2 3.1.6. */
describe('a template is rendered as Jinja2 does', () => {
  it.each([
    [
      'Dear {{ who }},{% if b %}\nplease pay now.{% endif %}\nBye',
      { who: 'Ann', b: true },
      'Dear Ann,\nplease pay now.\nBye',
    ],
    ['  {% if b %}\n  x\n  {% endif %}\n{# c #}\ny\n', { b: true }, '  \n  x\n  \n\ny'],
    ['  {%- if b -%}\n  x\n  {%- endif %}\ny\n\n', { b: true }, 'x\ny\n'],
    ['{{ true }} {{ b }} {{ none }} {{ u.v }}|', { b: false, u: {} }, 'True False None |'],
    [
      '{{ a }} {{ d }} {{ e }}',
      { a: ['x', "it's", 1, 1.5, true, null, ['y']], d: { k: 'v\n"\'', n: null }, e: [] },
      `['x', "it's", 1, 1.5, True, None, ['y']] {'k': 'v\\n"\\'', 'n': None} []`,
    ],
    ["{{ 'n: ' ~ n ~ b ~ none ~ u.v }}", { n: 1, b: true, u: {} }, 'n: 1TrueNone'],
    ["{{ (1, 'a') }}", {}, "(1, 'a')"],
    [
      '{{ x[1:] }} {{ x[:2] }} {{ x[0:2] }} {{ x[:] }} {{ x[::2] }} {{ x[1::2] }} {{ x[:2:1] }} {{ x[::-1] }} {{ x[-2:] }} {{ x[n:9] }}',
      { x: [1, 2, 3], n: 2 },
      '[2, 3] [1, 2] [1, 2] [1, 2, 3] [1, 3] [2] [1, 2] [3, 2, 1] [2, 3] [3]',
    ],
    [
      "{{ t[:3] }} {{ t[3:] }} {{ t[1:3] }} {{ t[::-1] }} {{ t[:2] | upper }} {{ 'a' ~ t[4:] }}",
      { t: 'abcde' },
      'abc de bc edcba AB ae',
    ],
    [
      '{% for i in x[1:] %}{{ i }},{% endfor %}{% set y = x[:1] %}{{ y }}{% if x[3:] %}more{% endif %}',
      { x: [1, 2, 3] },
      '2,3,[1]',
    ],
    ['{% for i in range(3) %}{{ i }},{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}', {}, '0,1,2,531'],
    ['{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(true) }}{% set s %}{{ true }}{% endset %}{{ s }}', {}, '<True>True'],
    ['{% if a %}1{% elif b %}{{ b }}{% else %}{{ none }}{% endif %}', { a: false, b: true }, 'True'],
    ['{% for x in xs %}{{ x }}{% else %}{{ none }}{% endfor %}', { xs: [] }, 'None'],
    ['{% filter upper %}{{ b }}{% endfilter %}', { b: true }, 'TRUE'],
    ['{{ range }}{{ true if b }}', { range: 'own', b: false }, 'own'],
    [
      '{{ s | e }} {{ s | escape }}',
      { s: "<a href='x'>&\"</a>" },
      '&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt; &lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;',
    ],
    [
      "{{ l | join(', ') }}|{{ l | join }}|{{ 'abc' | join('-') }}|{{ o | join(d=' ', attribute='n') }}",
      { l: [1, true, null, 'x', ['y']], o: [{ n: 'a' }, { n: 2 }] },
      "1, True, None, x, ['y']|1TrueNonex['y']|a-b-c|a 2",
    ],
    [
      "{{ [3,1,2] | max }} {{ [3,1.5] | min }} {{ ['b','A'] | min }} {{ ['b','A'] | max(case_sensitive=true) }} {{ o | max(attribute='n') }} {{ [] | min }}|",
      { o: [{ n: 1 }, { n: 2 }] },
      "3 1.5 A b {'n': 2} |",
    ],
    [
      "{{ x | round }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 0.125 | round(2) }} {{ 4.35 | round(1) }} {{ 7 | round }} {{ 1.21 | round(1, 'ceil') }} {{ 1.29 | round(precision=1, method='floor') }} {{ 7 | round(0, 'ceil') }}",
      { x: 42.55 },
      '43.0 2.0 4.0 2.67 0.12 4.3 7 1.3 1.2 7.0',
    ],
    [
      "{{ [1,2] | sum }} {{ [1.5,2] | sum }} {{ o | sum(attribute='n') }} {{ [] | sum }} {{ [1] | sum(start=5) }}",
      { o: [{ n: 1 }, { n: 2 }] },
      '3 3.5 3 0 6',
    ],
    [
      "{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, true) }}|{{ 'foo bar baz qux' | truncate(11) }}|{{ 'foo bar baz qux' | truncate(11, false, '…', 0) }}|{{ 'foobarbazquxquux' | truncate(5, end='>') }}",
      {},
      'foo...|foo ba...|foo bar baz qux|foo bar…|foob>',
    ],
    ["{{ 'a b/c&d=é!(~)' | urlencode }}", {}, 'a%20b/c%26d%3D%C3%A9%21%28~%29'],
    ["{{ 'one, two  three_4 é' | wordcount }}", {}, '4'],
    [
      "{{ 'hELLO wORLD-x (yZ) it\\'s' | title }} {{ 'hELLO wORLD' | capitalize }} {{ '' | capitalize }}|",
      {},
      "Hello World-X (Yz) It's Hello world |",
    ],
    [
      "{{ 5 | upper }} {{ none | lower }} {{ true | trim }} {{ 12 | replace('1','x') }} {{ u.v | upper }}|",
      { u: {} },
      '5 none True x2 |',
    ],
    ["{{ u.v | default }}|{{ u.v | d('x') }} {{ '' | d('y', true) }} {{ [1,2] | count }}", { u: {} }, '|x y 2'],
    ['{{ true | string }}{{ [1] | string }}', {}, 'True[1]'],
    [
      '{% filter escape %}<{{ true }}>{% endfilter %}{% for i in [1] %}{% filter upper %} a{{ i }}{% endfilter %}{% endfor %}',
      {},
      '&lt;True&gt; A1',
    ],
    [
      '{% for w in l %}{{ w | upper ~ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %}',
      { l: ['a', 'b'] },
      'A1, B2',
    ],
    ["{{ {'a': 1} | tojson }} {{ 'x' | indent }} {{ 'a\\nb' | indent(2) }}", {}, '{"a": 1} x a\n  b'],
    ["{{ n | float | round(2) | string | length }} {{ 'a,b' .split(',') | last | upper }}", { n: '1.239' }, '4 B'],
    ["{% macro m(t) %}{{ t | truncate(n, end='') }}{% endmacro %}{% set n = 3 %}{{ m('abcdefghijkl') }}", {}, 'abc'],
    [
      '{{ code == "007" }} {{ code == "" }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 3 == 3 == 3 }} {{ 1 < 2 == true }}',
      { code: 7 },
      'False False 2 -2 True False',
    ],
    [
      '{{ z == "" }} {{ z == false }} {{ 1 == 1.0 }} {{ none == u }} {{ "1" == 1 }}',
      { z: 0 },
      'False True True False False',
    ],
    ['{{ (3 == 3) == 3 }} {{ (1 < 2) == true }} {{ 1 < (2 == true) }}', {}, 'False True False'],
    [
      '{% if 0 < n < 10 %}in{% endif %}{% if 0 < n <= 4 %}low{% endif %}{{ 1 < 2 > 0 != 5 in [5] }}',
      { n: 5 },
      'inTrue',
    ],
    [
      '{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7.5 // 2 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ -7.5 % 2 }} {{ 5.5 % -2 }}',
      {},
      '3 -4 -4 -4.0 3.5 3.0 0.5 -0.5',
    ],
    [
      '{{ 2 ** 3 ** 2 }} {{ 2 ** -1 }} {{ true + true }} {{ 10.0 ** 16 }} {{ 0.00001 }} {{ 1 / 3 }}',
      {},
      '64 0.5 2 1e+16 1e-05 0.3333333333333333',
    ],
    ['{{ [1, 2] == [1, 2.0] }} {{ [1, 2] == (1, 2) }}', {}, 'True False'],
    ['{{ a ~ (b + c) }} {{ 3 ~ 2 * 2 }} {{ a + b ~ c }}', { a: 'x', b: 1, c: 2 }, 'x3 34 x12'],
    ['{{ "ab" * 2 }}{{ 2 * "c" }} {{ [1] * 2 }} {{ "-" * -1 }}|', {}, 'ababcc [1, 1] |'],
    ['{{ [1, 2] < [1, 3] }} {{ "Z" < "a" }} {{ "😀" > "\uffee" }} {{ true < 2 }}', {}, 'True True True True'],
    ['{{ s[0] }} {{ s | length }} {{ s[-1] }} {{ s[1:] }} {{ s[9] }}|', { s: '😀ab' }, '😀 3 b ab |'],
    [
      '{{ s | first }} {{ s | last }} {{ s | reverse }} {{ s | list }} {{ s | count }} {{ s | center(7) }}|{{ s | truncate(2, true, "") }}{% for c in s %}{{ c }}.{% endfor %}',
      { s: '😀a𝒳' },
      "😀 𝒳 𝒳a😀 ['😀', 'a', '𝒳'] 3   😀a𝒳  |😀a𝒳😀.a.𝒳.",
    ],
    [
      "{{ '𐐨x'.capitalize() }} {{ '𐐨b 𐐨c' | title }} {{ t.title() }} {{ 'ßA'.capitalize() }} {{ 'ABC' | capitalize }}",
      { t: "it's ok" },
      "𐐀x 𐐀b 𐐀c It'S Ok Ssa Abc",
    ],
    ["{{ 'xxaxx'.strip('x') }} {{ '007'.lstrip('0') }} {{ '1.00'.rstrip('0') }}", {}, 'a 7 1.'],
    [
      "{{ '12abc' | int }} {{ '3.9' | int }} {{ -3.9 | int }} {{ none | int }} {{ '1e3' | float }} {{ 'x' | float(2) }} {{ '1_0' | int }}",
      {},
      '0 3 -3 0 1000.0 2 10',
    ],
    [
      "{{ ['a', 'A', 'b'] | unique | list }} {{ [[1], [1], [2]] | unique | list }} {{ [] | first }}|",
      {},
      "['a', 'b'] [[1], [2]] |",
    ],
    [
      "{{ l | selectattr('n', 'gt', 1) | list }} {{ l | rejectattr('m', 'defined') | map(attribute='n') | list }} {{ l | selectattr('m') | list | length }}",
      { l: [{ n: 1, m: 1 }, { n: 2 }] },
      "[{'n': 2}] [2] 1",
    ],
    [
      '{{ d.items() | list }} {{ d | dictsort }} {% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}{% for a, b in [(1, 2)] %}{{ a + b }}{% endfor %}',
      { d: { b: 1, a: 2 } },
      "[('b', 1), ('a', 2)] [('a', 2), ('b', 1)] b1a23",
    ],
    [
      "{{ true is number }} {{ '12' is lower }} {{ {} is iterable }} {{ 'é' is lower }} {{ u is iterable }} {{ none is sequence }}",
      {},
      'True False True True True False',
    ],
    [
      '{% for i in [1, 2, 3] %}{{ i }}{% if i == 2 %}{% continue %}{% endif %}!{% else %}none{% endfor %}{% for i in [1] %}a{% break %}b{% else %}none{% endfor %}',
      {},
      '1!23!a',
    ],
    [
      '{% for i in [1, 2] %}{% for j in [1, 2] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{{ i }};{% endfor %}',
      {},
      '11 1;21 2;',
    ],
    ["{{ ['\u0007', '\x1b', 'é'] }}", {}, "['\\x07', '\\x1b', 'é']"],
  ])('%j', (template, values, expected) => {
    expect(render(template, values)).toEqual({ kind: 'rendered', texts: [expected] });
  });

  it.each([
    ['{{ n | first }}', 'integer has no items'],
    ['{{ n | sum }}', 'integer has no items'],
    ['{{ "n" + n }}', '"+" does not work between string and integer; join strings with ~'],
    ['{{ n < "1" }}', '"<" does not work between integer and string'],
    ['{{ n - none }}', '"-" does not work between integer and null'],
    ['{{ n * none }}', '"*" does not work between integer and null'],
    ['{{ 1 in "1" }}', '"in" does not work between integer and string'],
    ['{{ n / 0 }}', 'division by zero'],
    ['{{ n % 0 }}', 'division by zero'],
    ['{{ n // 0 }}', 'division by zero'],
    ['{{ 9007199254740991 + 1 }}', 'a whole number beyond ±2⁵³ cannot be calculated exactly'],
    ['{{ u.v.w }}', 'an undefined value has no "v"'],
    ['{{ -"x" }}', '"-" does not work on string'],
    ['{{ "x".strip("x", 1) }}', 'at most 1 argument can be given'],
    ['{{ range(n / 7) }}', 'range() takes whole numbers'],
    ['{{ [1, "a"] | sort }}', 'Cannot compare different types: string and integer'],
  ])('or fails: %s', (template, reason) => {
    expect(render(template, { n: 600 })).toEqual({ kind: 'failed', index: 0, reason });
  });

  it('as far as texts may be large', () => {
    const values = { n: 600 };
    const each = '{% for i in range(n) %}é{% endfor %}';
    const templates = ['a', each].map(prepareTemplate);
    expect(renderAll(templates, { values, maxBytes: 1_201 }).kind).toBe('rendered');
    expect(renderAll(templates, { values, maxBytes: 1_200 })).toEqual({ kind: 'too_large', index: 1 });
  });
});

describe('whether the time of a template is predictable', () => {
  it.each([
    [
      'Dear {{ a.b[0] | upper | default("x") }}{% if a == 1 and b is defined %}{% set c = a ~ b %}{{ c }}{% endif %}',
      true,
    ],
    ['{{ a | join(", ") }} {{ a | default("b") }} {{ a | replace("x", "y") }}', true],
    ['{% for i in a %}{% endfor %}', false],
    ['{% if a %}{{ range(a) }}{% endif %}', false],
    ['{% macro m() %}{% endmacro %}', false],
    ['{{ a | join(b) }}', false],
    ['{{ a | truncate(20) }}', false],
    ['{{ a | indent(b) }}', false],
    ['{{ a | indent(900000000) }}', false],
    ['{{ a.replace("", b) }}', false],
    ['{{ a * b }}', false],
    ['{{ "x" ** b }}', false],
    ['{{ a | center(9) }}', false],
    ['{% set b = a ~ a %}{% set b = b ~ b %}{{ b }}', false],
    ['{{ a | default(b.replace("", b)) }}', false],
    ['{% filter replace("", a) %}{{ a }}{% endfilter %}', false],
  ])('%s', (template, expected) => {
    expect(prepareTemplate(template).isPredictable).toBe(expected);
  });
});
