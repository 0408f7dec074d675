import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import type { LogFormat } from '../../../src/logging/logger.js';

/** Values that could be part of the replacement itself prove nothing. */
const value = fc
  .string({ minLength: 6, maxLength: 40, unit: 'grapheme' })
  .filter((text) => text.trim().length >= 6 && !/[[\]]/.test(text) && !'[secret]'.includes(text));

function logLines(scrubber: Scrubber, format: LogFormat, write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  write(createLogger({ level: 'debug', format, scrubber, sinks: [(line) => lines.push(line)] }));
  return lines.join('');
}

describe('the scrubber', () => {
  test('replaces every registered value of six or more characters, anywhere in a line', () => {
    const line = fc.record({ before: fc.string(), after: fc.string() });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), line, (values, { before, after }) => {
        const scrubber = new Scrubber();
        scrubber.register(values);
        const scrubbed = scrubber.scrub([before, ...values, after].join('\u0000'));
        for (const secret of values.filter((item) => !(before + after).includes(item)))
          expect(scrubbed).not.toContain(secret);
      }),
    );
  });

  test.each(['json', 'text'] as const)('leaves no registered value in a logged %s line', (format) => {
    fc.assert(
      fc.property(value, (secret) => {
        const scrubber = new Scrubber();
        scrubber.register([secret]);
        const lines = logLines(scrubber, format, (logger) =>
          logger.warn({ field: secret, body: JSON.stringify({ token: secret }), list: [secret] }, `sent ${secret}`),
        );
        expect(lines.replaceAll('\n    ', '\n')).not.toContain(secret);
        if (format === 'text') return;
        for (const line of lines.split('\n').filter((text) => text !== '')) {
          const record: unknown = JSON.parse(line);
          expect(record).toMatchObject({
            field: '[secret]',
            body: '{"token":"[secret]"}',
            list: ['[secret]'],
            msg: 'sent [secret]',
          });
        }
      }),
    );
  });

  test('leaves no part of a value where a text was cut, and all else', () => {
    const values = fc.array(fc.stringMatching(/^[ab]{6,9}$/), { minLength: 1, maxLength: 3 });
    const around = fc.stringMatching(/^ [xy]* $/);
    fc.assert(
      fc.property(values, around, fc.nat(9), (secrets, text, cut) => {
        const scrubber = new Scrubber();
        scrubber.register(secrets);
        const [secret = ''] = secrets;
        const part = Math.min(cut, secret.length);
        const head = scrubber.scrubHead(`${text}${secret.slice(0, part)}`);
        const tail = scrubber.scrubTail(`${secret.slice(secret.length - part)}${text}`);
        for (const each of [head, tail]) {
          expect(each).toContain(text);
          expect(each).not.toMatch(/[ab]{3}/);
        }
      }),
    );
  });

  test('takes nothing from a cut text that has no part of a value', () => {
    const scrubber = new Scrubber();
    expect(scrubber.scrubHead('any text')).toBe('any text');
    scrubber.register(['value-one']);
    expect(scrubber.scrubHead('value-one and va')).toBe('[secret] and va');
    expect(scrubber.scrubTail('ne and value-one')).toBe('ne and [secret]');
    expect(scrubber.scrubHead('and val')).toBe('and ');
    expect(scrubber.scrubTail('one and')).toBe(' and');
  });

  test('replaces a value as JSON and as a URL spell it', () => {
    const scrubber = new Scrubber();
    scrubber.register(['pa"ss\\wo\nrd', 'a/b c?d']);
    expect(scrubber.scrub(JSON.stringify({ key: 'pa"ss\\wo\nrd' }))).toBe('{"key":"[secret]"}');
    expect(scrubber.scrub('GET /?key=a%2Fb%20c%3Fd HTTP/1.1')).toBe('GET /?key=[secret] HTTP/1.1');
  });

  test('replaces a value as SQL spells it', () => {
    const scrubber = new Scrubber();
    scrubber.register(["it's 'mine'"]);
    expect(scrubber.scrub("LINE 1: SELECT 'it''s ''mine''';")).toBe("LINE 1: SELECT '[secret]';");
  });

  test.each([
    ['repr of Python', 'pass\'wo"rd-quotes', "{'t': 'pass\\'wo\"rd-quotes'}", "{'t': '[secret]'}"],
    ['repr of Python, in the other quotes', "it's-a-secret", "'it\\'s-a-secret\"'", "'[secret]\"'"],
    ['repr of Python', 'back\\slash\ttab-new', "'back\\\\slash\\ttab-new'", "'[secret]'"],
    ['a repr of a repr', 'back\\slash\ttab-new', "\"{'t': 'back\\\\\\\\slash\\\\ttab-new'}\"", "\"{'t': '[secret]'}\""],
    ['a repr of JSON', 'back\\slash\ttab-new', '\'{"t": "back\\\\\\\\slash\\\\ttab-new"}\'', '\'{"t": "[secret]"}\''],
    ['ascii of Python', 'geheimnis-ü-umlaut', "'geheimnis-\\xfc-umlaut'", "'[secret]'"],
    ['bytes of Python', 'geheimnis-ü-umlaut', "b'geheimnis-\\xc3\\xbc-umlaut'", "b'[secret]'"],
    ['JSON of Python', 'geheimnis-ü-umlaut', '"geheimnis-\\u00fc-umlaut"', '"[secret]"'],
    ['bytes of DuckDB', 'geheimnis-ü-umlaut', 'geheimnis-\\xC3\\xBC-umlaut', '[secret]'],
    ['ascii of Python', 'with-🔑-key', "'with-\\U0001f511-key'", "'[secret]'"],
    ['bytes of Python', 'with-🔑-key', "b'with-\\xf0\\x9f\\x94\\x91-key'", "b'[secret]'"],
    ['JSON of Python', 'with-🔑-key', '"with-\\ud83d\\udd11-key"', '"[secret]"'],
    ['JSON of Python', 'ключ-ключ', '"\\u043a\\u043b\\u044e\\u0447-\\u043a\\u043b\\u044e\\u0447"', '"[secret]"'],
    ['a URL', 'ключ-ключ', '?key=%D0%BA%D0%BB%D1%8E%D1%87-%d0%ba%d0%bb%d1%8e%d1%87', '?key=[secret]'],
    ['repr of Python', 'bell\u0007-\u007f-\u200b-marks', "'bell\\x07-\\x7f-\\u200b-marks'", "'[secret]'"],
    ['JSON of Python', 'bell\u0007-\u007f-\u200b-marks', '"bell\\u0007-\\u007f-\\u200b-marks"', '"[secret]"'],
    ['JSON for web pages', 'a<b>&c/d', '"a\\u003cb\\u003e\\u0026c\\/d"', '"[secret]"'],
    ['a form', 'a/b c?d', 'key=a%2fb+c%3fd&x=1', 'key=[secret]&x=1'],
    ['repr of Python', 'ends-with-\\', "'ends-with-\\\\'", "'[secret]'"],
    ['base 64', 'hunter2-hunter2', 'Basic aHVudGVyMi1odW50ZXIy', 'Basic [secret]'],
    ['base 64', 'hunter2-hunter2', 'Basic dTpodW50ZXIyLWh1bnRlcjI=', 'Basic dTp[secret]'],
    ['base 64', 'hunter2-hunter2', 'Basic dXM6aHVudGVyMi1odW50ZXIy', 'Basic dXM6[secret]'],
    ['base 64', 'hunter2-hunter2', 'Basic dXNlcjpodW50ZXIyLWh1bnRlcjI=', 'Basic dXNlcjp[secret]'],
  ])('replaces a value as spelt in %s: %j', (_, secret, text, scrubbed) => {
    const scrubber = new Scrubber();
    scrubber.register([secret]);
    expect(scrubber.scrub(text)).toBe(scrubbed);
    // As in a line of the log, and in one that quotes another.
    const quoted = JSON.stringify(text);
    expect(scrubber.scrub(quoted)).toBe(JSON.stringify(scrubbed));
    expect(scrubber.scrub(JSON.stringify(quoted))).toBe(JSON.stringify(JSON.stringify(scrubbed)));
  });

  const LONG = Array.from({ length: 80 }, (_, at) => `part-${at}-of-a-secret`).join('/');

  test.each([
    ['64 characters', 64, '\n'],
    ['76 characters', 76, '\r\n'],
    ['four characters', 4, '\n  '],
    ['one character', 1, '\n'],
  ])('replaces base64 in lines of %s, whatever is before the value', (_, length, end) => {
    const scrubber = new Scrubber();
    scrubber.register([LONG]);
    expect(LONG.length).toBeGreaterThan(1_000);
    for (const before of ['', 'u', 'us', 'user-name:']) {
      const lines = btoa(before + LONG).match(new RegExp(`.{1,${length}}`, 'g')) ?? [];
      const text = `cannot decode:\n${lines.join(end)}\nTraceback of it`;
      for (const quoted of [text, JSON.stringify(text), JSON.stringify(JSON.stringify(text))]) {
        const scrubbed = scrubber.scrub(quoted);
        expect(scrubbed).toMatch(/cannot decode:.*\[secret\].*Traceback of it/s);
        const rest = scrubbed
          .replace(/^.*cannot decode:|Traceback of it.*$/gs, '')
          .replaceAll(/\[secret\]|\s|\\+[rn]/g, '');
        expect(rest.length).toBeLessThanOrEqual(Math.ceil((before.length * 4) / 3) + 5);
      }
    }
  });

  test('replaces a value that is base64 in lines, and each part of a signed token', () => {
    const scrubber = new Scrubber();
    const key = btoa(LONG);
    const token = `${btoa('{"alg":"HS256"}').replaceAll('=', '')}.${btoa('{"sub":"someone-else"}').replaceAll('=', '')}.c2lnbmF0dXJlLW9mLWl0`;
    scrubber.register([key, token]);
    expect(scrubber.scrub(`a key:\n${key.replaceAll(/.{64}/g, '$&\n')}\nbehind`)).toBe('a key:\n[secret]\nbehind');
    for (const part of token.split('.')) expect(scrubber.scrub(`bad part ${part}!`)).toBe('bad part [secret]!');
  });

  test.each([
    ['ends-with-\\', 'ends-with-"'],
    ['ends-with-\\', 'ends-with-\\"'],
    ['ends-with-\\', 'ends-with-\n'],
    ['"quoted"', 'line\n"quoted"\n'],
    ['\\begins', 'line\\\n\\\\begins\\'],
  ])('keeps JSON valid, whatever surrounds %j: %j', (secret, text) => {
    const scrubber = new Scrubber();
    scrubber.register([secret]);
    expect(JSON.parse(scrubber.scrub(JSON.stringify({ text })))).toHaveProperty('text');
  });

  test('finds a value of any length, and is not held up by long runs of what is escaped', () => {
    const scrubber = new Scrubber();
    const long = Array.from({ length: 1_500 }, (_, at) => `long-value-${at}`).join(' ');
    scrubber.register([long, String.raw`\'\'a'''b`, '\\'.repeat(20), "'".repeat(20)]);
    expect(scrubber.scrub(`a ${long} b`)).toMatch(/^a (?:\[secret\])+ b$/);
    const text = `${'\\'.repeat(9_999)}x${"'".repeat(9_999)}a''`;
    expect(scrubber.scrub(text)).not.toContain('\\'.repeat(20));
  });

  test('replaces values in data, in keys too, and cuts what is nested without end', () => {
    const scrubber = new Scrubber();
    scrubber.register(['hunter2']);
    expect(scrubber.scrubData({ 'by hunter2': ['hunter2', 7, true, null, { deep: 'is hunter2' }] })).toEqual({
      'by [secret]': ['[secret]', 7, true, null, { deep: 'is [secret]' }],
    });
    const nested: unknown = JSON.parse(`${'['.repeat(5_000)}"hunter2"${']'.repeat(5_000)}`);
    expect(JSON.stringify(scrubber.scrubData(nested))).toMatch(/^\[+"\[nested too deep\]"\]+$/);
  });

  test('replaces each line of a value that has several, but no line that is short', () => {
    const scrubber = new Scrubber();
    scrubber.register(['-----BEGIN KEY-----\r\nMIIEvQIBADANBg\n}\nx=\n']);
    expect(scrubber.scrub('cannot read MIIEvQIBADANBg } x=')).toBe('cannot read [secret] } x=');
  });

  test('takes any text, half surrogate pairs included', () => {
    const scrubber = new Scrubber();
    scrubber.register(['broken \ud800 text']);
    expect(scrubber.scrub('a broken \ud800 text')).toBe('a [secret]');
  });

  test('leaves values shorter than six characters, however long another spelling of them is', () => {
    const scrubber = new Scrubber();
    scrubber.register(['prod', '1', 'a b/c', '\n\n\n', '']);
    const line = 'prod 1 a b/c a%20b%2Fc \\n\\n\\n';
    expect(scrubber.scrub(line)).toBe(line);
  });

  test('replaces a value that contains another one whole', () => {
    const scrubber = new Scrubber();
    scrubber.register(['secret-key', 'secret-key-two']);
    expect(scrubber.scrub('secret-key-two')).toBe('[secret]');
  });

  test('takes no character of a value for a pattern', () => {
    const scrubber = new Scrubber();
    scrubber.register(['a.*b+(c)', '$&$1{2}|']);
    expect(scrubber.scrub('a.*b+(c) $&$1{2}| axxbbc')).toBe('[secret] [secret] axxbbc');
  });

  test('forgets a value with its last holder, and no holder counts twice', () => {
    const scrubber = new Scrubber();
    const forgetFirst = scrubber.register(['rotating-value', 'rotating-value']);
    const forgetSecond = scrubber.register(['rotating-value', 'another-value']);
    forgetFirst();
    forgetFirst();
    expect(scrubber.scrub('rotating-value another-value')).toBe('[secret] [secret]');
    forgetSecond();
    expect(scrubber.scrub('rotating-value another-value')).toBe('rotating-value another-value');
  });

  test('agrees with a count of holders, in whatever order they come and go', () => {
    const names = ['alpha-value', 'beta-value', 'gamma-value'];
    const action = fc.oneof(fc.subarray(names, { minLength: 1 }), fc.nat(10));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const scrubber = new Scrubber();
        const holders: { readonly values: readonly string[]; readonly forget: () => void }[] = [];
        for (const step of actions) {
          if (typeof step === 'number') holders.splice(step, 1)[0]?.forget();
          else holders.push({ values: step, forget: scrubber.register(step) });
        }
        for (const name of names) {
          const isHeld = holders.some(({ values }) => values.includes(name));
          expect(scrubber.scrub(name)).toBe(isHeld ? '[secret]' : name);
        }
      }),
    );
  });
});
