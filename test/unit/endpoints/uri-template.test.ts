import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResourceRouter, UriTemplate } from '../../../src/endpoints/definitions/uri-template.js';

describe('UriTemplate', () => {
  it('finds its way back from every URI it makes', () => {
    const literal = fc.stringMatching(/^[a-z.+*()?$-]{1,6}$/);
    const value = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(fc.array(fc.tuple(literal, value), { maxLength: 4 }), (parts) => {
        const text = `x://${parts.map(([word], index) => `${word}/{p${index}}`).join('/')}`;
        const values = Object.fromEntries(parts.map(([, each], index) => [`p${index}`, each]));
        const template = new UriTemplate(text);
        // A segment of two dots removes the one before it, with its value; such a template is refused.
        if (template.syntaxError === undefined) expect(template.match(template.expand(values))).toEqual(values);
        else expect(text).toMatch(/\/\.\.[?/]/);
      }),
    );
  });

  it('is written as the URL parsers of clients write it, and found again in their form and in that of its author', () => {
    const scheme = fc.constantFrom('docs', 'X', 'http', 'HTTPS', 'file', 'urn');
    const host = fc.constantFrom('//café', '//a b', '//Example.COM:80', '//h', '//', '');
    const path = fc.string({ unit: fc.constantFrom(...'/ab.é 😀%2F[]"<|^`\\~?&=#'.split(/(?<=%2F)|(?!2F|F)/u)) });
    fc.assert(
      fc.property(scheme, host, path, (schemeText, hostText, pathText) => {
        const written = `${schemeText}:${hostText}/${pathText}`;
        const { text, syntaxError } = new UriTemplate(written);
        if (syntaxError !== undefined) return;
        expect(new URL(text).href).toBe(text);
        expect(text).toMatch(/^[\w\-.~:/?#[\]@!$&'()*+,;=%]+$/);
        const router = new ResourceRouter([[written, 'found']]);
        for (const uri of [text, written, new URL(text).href]) expect(router.find(uri)?.resource).toBe('found');
      }),
    );
  });

  it('never lets a value span a slash, nor be empty', () => {
    const template = new UriTemplate('x://a/{b}');
    expect(template.match('x://a/b/c')).toBeUndefined();
    expect(template.match('x://a/')).toBeUndefined();
    expect(template.match('x://a/b%2Fc')).toEqual({ b: 'b/c' });
  });

  it('does not match what is not well encoded, and never throws', () => {
    const template = new UriTemplate('x://{a}');
    expect(template.match('x://%zz')).toBeUndefined();
    fc.assert(fc.property(fc.string(), (uri) => void template.match(`x://${uri}`)));
  });

  it.each([
    ['x://{a', 'does not enclose'],
    ['x://{a b}', 'does not enclose'],
    ['x://{a}/{a}', 'twice'],
  ])('reports what is wrong with the braces of %s', (text, reason) => {
    expect(new UriTemplate(text).syntaxError).toContain(reason);
  });
});

describe('ResourceRouter', () => {
  const router = new ResourceRouter(
    ['x://{kind}/{id}', 'x://cats/{id}', 'x://cats/all', 'x://{kind}/top'].map((uri) => [uri, uri] as const),
  );

  it.each([
    ['x://cats/all', 'x://cats/all', {}],
    ['x://cats/1', 'x://cats/{id}', { id: '1' }],
    ['x://cats/top', 'x://cats/{id}', { id: 'top' }],
    ['x://dogs/top', 'x://{kind}/top', { kind: 'dogs' }],
    ['x://dogs/1', 'x://{kind}/{id}', { kind: 'dogs', id: '1' }],
  ])('takes %s to %s', (uri, resource, values) => {
    expect(router.find(uri)).toEqual({ resource, values });
  });

  it('finds nothing for a URI that is not served', () => {
    expect(router.find('x://cats')).toBeUndefined();
    expect(router.find('y://cats/all')).toBeUndefined();
  });
});
