import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkTemplate } from '../../../src/prompts/check-template.js';
import { prepareTemplate, renderAll } from '../../../src/prompts/render-template.js';
import { askPython } from '../../kit/python-values.js';

const SCRIPT = join(import.meta.dirname, 'jinja.py');

const VALUES = {
  i: 7,
  z: 0,
  n: -7,
  f: 2.5,
  g: -0.5,
  s: '😀aßB c',
  t: '007',
  e: '',
  b: true,
  c: false,
  x: null,
  l: [3, 1, 2],
  m: ['b', 'A', 'a', '😀'],
  o: { k: 1, j: [1, 2], t: 'v' },
  p: [{ n: 1, w: 'x' }, { n: 3 }, { n: 2, w: 'X' }],
  q: [],
};

const words = (text: string): string[] => text.split(' ');
const atom = fc.constantFrom(
  ...words('i z n f g s t e b c x l m o p q u 1 2 0 3 1.5 "a" "007" "" true false none [1,2] ["a",i] (1,2)'),
  ...words('o.k o.j o.t p[0] s[0] s[-1] s[1:3] s[::-1] l[0] l[-1] l[1:] m[5] o["k"] o["zz"] t[9]'),
  "{'a': 1}",
);
const operator = fc.constantFrom(...words('== != < <= > >= in + - * / // % ~ and or'), 'not in');
const filter = fc.constantFrom(
  ...words('abs capitalize center(9) count default("d") default("d",true) dictsort first float int int(5) join'),
  ...words('join("-") last length list lower max min reverse|list round round(1) sort sort(reverse=true) string sum'),
  ...words('title trim truncate(4) truncate(3,true,"") unique|list upper wordcount replace("a","b") indent(2)'),
  ...words('map(attribute="n")|list selectattr("w")|list rejectattr("w")|list selectattr("n","eq",1)|list'),
  ...words('selectattr("n","gt",1)|list selectattr("w","undefined")|list rejectattr("w","defined")|list'),
  ...words(
    'sum(attribute="n") max(attribute="n") join(",",attribute="n") unique(attribute="n")|list sort(attribute="n")',
  ),
);
const given = fc.constantFrom(
  ...words('boolean callable defined even false integer iterable lower mapping none number odd sequence string true'),
  ...words('undefined upper'),
);
const method = fc.constantFrom(
  ...words('.upper() .lower() .title() .capitalize() .strip() .strip("ac") .lstrip("0") .rstrip("7") .split("a")'),
  ...words('.split() .startswith("a") .endswith("c") .replace("a","x") .get("k") .keys()|list .items()|list .nope'),
);

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression');
  const operand = inner.map((text) => (/^[\w.]+$/.test(text) ? text : `(${text})`));
  return {
    expression: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      atom,
      fc.tuple(inner, operator, inner).map((parts) => parts.join(' ')),
      fc.tuple(inner, operator, inner).map((parts) => `(${parts.join(' ')})`),
      fc.tuple(operand, filter).map(([value, name]) => `${value} | ${name}`),
      fc.tuple(operand, fc.constantFrom('is', 'is not'), given).map((parts) => parts.join(' ')),
      fc.tuple(operand, method).map((parts) => parts.join('')),
      operand.map((value) => `not ${value}`),
      fc.tuple(operand, inner, operand).map(([a, b, d]) => `${a} if ${b} else ${d}`),
    ),
  };
});

const template = fc.oneof(
  { weight: 5, arbitrary: expression.map((text) => `{{ ${text} }}`) },
  expression.map(
    (text) => `{% for a in ${text} %}{{ loop.index }}{{ a }}{% if loop.last %}.{% endif %}{% else %}E{% endfor %}`,
  ),
  fc.tuple(atom, expression).map(([list, text]) => `{% for a in ${list} if ${text} %}{{ a }},{% endfor %}`),
  fc.tuple(expression, expression).map(([a, b]) => `{% if ${a} %}T{% elif ${b} %}U{% else %}F{% endif %}`),
  expression.map((text) => `{% set a = ${text} %}{{ a }}{% for k in l %}{% set a = k %}{% endfor %}{{ a }}`),
);

/** Undefined for a template that is refused, or that fails. */
function render(text: string): string | undefined {
  if (checkTemplate(text).mistakes.length > 0) return undefined;
  const answer = renderAll([prepareTemplate(text)], { values: VALUES, maxBytes: 1_000_000 });
  return answer.kind === 'rendered' ? answer.texts[0] : undefined;
}

test('what a prompt renders, Jinja2 renders too', async () => {
  const templates = fc.sample(template, 4000);
  const theirs = z.array(z.string().nullable()).parse(
    await askPython(
      SCRIPT,
      templates.map((text) => [text, VALUES]),
    ),
  );
  const ours = templates.map(render);
  const both = templates.flatMap((text, at) =>
    ours[at] === undefined || theirs[at] === null ? [] : [{ text, ours: ours[at], theirs: theirs[at] }],
  );
  expect(both.filter((each) => each.ours !== each.theirs)).toEqual([]);
  const refused = theirs.filter((text, at) => text !== null && ours[at] === undefined);
  expect(both.length).toBeGreaterThan(templates.length / 4);
  expect(refused.length).toBeLessThan(templates.length / 10);
});
