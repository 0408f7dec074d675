import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineCounter, parse, parseDocument, stringify, type Node } from 'yaml';
import { parseYaml } from '../../../src/yaml/index.js';

/** Values that JSON and our dialect share; other tests cover lost keys and the forms of floats. */
const key = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text !== '__proto__' && text !== '<<');
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('yes', 'NO', '010', '1_000', '12:30', '~', '', '- a', 'a: b', '#', "it's", '\\d', 'x\ny\n', ' x '),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const { mapping } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('list'), tie('mapping')),
  list: fc.array(tie('value'), { maxLength: 5 }),
  mapping: fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
}));
const style = fc.record({
  version: fc.constant('1.1' as const),
  indent: fc.integer({ min: 1, max: 4 }),
  collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
  defaultStringType: fc.constantFrom(
    'PLAIN' as const,
    'QUOTE_DOUBLE' as const,
    'QUOTE_SINGLE' as const,
    'BLOCK_LITERAL' as const,
  ),
  lineWidth: fc.constantFrom(0, 20, 80),
});

/** Fewer on a slow machine: the next run of the tests takes other examples. */
const atMost = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false });

type Path = readonly (string | number)[];

function pathsOf(part: unknown, path: Path = []): Path[] {
  if (typeof part !== 'object' || part === null) return [path];
  const steps = Array.isArray(part) ? [...part.keys()] : Object.keys(part);
  return [path, ...steps.flatMap((step) => pathsOf(Reflect.get(part, step), [...path, step]))];
}

/** Compares with a second reading that the product does not use. */
describe('a file written by the yaml package', () => {
  it('is read as that package reads it', () => {
    fc.assert(
      fc.property(mapping, style, (written, options) => {
        const text = stringify(written, options);
        const parsed = parseYaml('x.yml', text);
        // Not compared with what was written: some blocks that begin with a space are written wrong (yaml 2.9.1).
        expect(parsed.ok ? parsed.source.value : parsed.problems).toEqual(parse(text, { version: '1.1' }));
      }),
      atMost(1000),
    );
  });

  it('has its values where that package finds them', () => {
    fc.assert(
      fc.property(mapping, style, (written, options) => {
        const text = stringify(written, options);
        const parsed = parseYaml('x.yml', text);
        if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join());
        const lineCounter = new LineCounter();
        const document = parseDocument(text, { version: '1.1', lineCounter });
        for (const path of pathsOf(written)) {
          // It is typed as anything; `true` asks for the node.
          const node = document.getIn(path, true) as Node;
          const { line, col } = lineCounter.linePos(node.range?.[0] ?? -1);
          expect(parsed.source.positionOf(path)).toEqual({ file: 'x.yml', line, column: col });
        }
      }),
      atMost(500),
    );
  });
});
