import { describe, expect, it } from 'vitest';
import { checkTemplate } from '../../../src/prompts/check-template.js';
import { prepareTemplate, renderAll } from '../../../src/prompts/render-template.js';
import { KNOWN_NAMES } from '../../../src/prompts/template-names.js';

/** One of each kind of value that templates know, as they write them. */
const OPERANDS = ['"5"', '5', '1.5', '[1, 2]', '[{"a": 1}]', '{"a": 1}', 'true', 'none'];
const ARGUMENTS = ['', '("a")', '("a", "b")', '(attribute="a")'];

function isRendered(template: string): boolean {
  if (checkTemplate(template).mistakes.length > 0) return false;
  return renderAll([prepareTemplate(template)], { values: {}, maxBytes: 1_000 }).kind === 'rendered';
}

/** Each documented name works, at least for one value. */
describe('templates may use', () => {
  it.each(KNOWN_NAMES.filters)('the filter %s', (name) => {
    const ways = OPERANDS.flatMap((operand) => ARGUMENTS.map((given) => `{{ ${operand} | ${name}${given} }}`));
    expect(ways.filter(isRendered)).not.toEqual([]);
  });

  it.each(KNOWN_NAMES.tests)('the test %s', (name) => {
    expect(OPERANDS.map((operand) => `{{ ${operand} is ${name} }}`).filter(isRendered)).not.toEqual([]);
  });

  it.each(KNOWN_NAMES.methods)('the method %s', (name) => {
    const ways = ['()', '("a")', '("a", "b")'].flatMap((given) => [
      `{{ "5".${name}${given} }}`,
      `{{ {"a": 1}.${name}${given} }}`,
    ]);
    expect(ways.filter(isRendered)).not.toEqual([]);
  });

  it('functions', () => {
    expect(isRendered('{{ range(2) }}{% set ns = namespace(a=1) %}{{ ns.a }}')).toBe(true);
    expect(isRendered('{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}')).toBe(true);
  });
});
