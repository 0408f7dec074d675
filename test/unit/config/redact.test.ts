import { describe, expect, it } from 'vitest';
import { redactText } from '../../../src/config/reload-effects.js';
import { Secret } from '../../../src/secrets/index.js';

describe('redactText', () => {
  it.each([
    ['https://user:pa@ss@db.example.org/x', 'https://[secret]@db.example.org/x'],
    ['md:sales?motherduck_token=abc123&x=1', 'md:sales?motherduck_token=[secret]&x=1'],
    ['host=db password=abc user=me', 'host=db password=[secret] user=me'],
    ['/var/lib/shop.duckdb', '/var/lib/shop.duckdb'],
    ['https://example.org/a@b', 'https://example.org/a@b'],
  ])('prints %s as %s', (text, printed) => {
    expect(redactText(text)).toBe(printed);
  });
});

describe('Secret', () => {
  it('prints as [secret] in text, JSON and errors', () => {
    const secret = new Secret('hunter2');
    expect(`${secret}`).toBe('[secret]');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
    expect(secret.reveal()).toBe('hunter2');
  });
});
