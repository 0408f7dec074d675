import { describe, expect, it } from 'vitest';
import { assertLocalCaller, type CallerHeaders } from '../../../src/admin/admin-router.js';

function caller(headers: Partial<CallerHeaders>): CallerHeaders {
  const none = { origin: [], referer: [], fetchSite: [], authority: undefined };
  return { httpVersion: '1.1', host: ['localhost'], ...none, ...headers };
}

const TRUSTED: readonly Partial<CallerHeaders>[] = [
  {},
  { host: [''] },
  { host: ['mxcp'] },
  { host: ['LOCALHOST:8080'] },
  { host: ['my_host-1'] },
  { host: ['127.0.0.1'] },
  { host: ['127.8.9.10:99'] },
  { host: ['[::1]'] },
  { host: ['[::1]:8000'] },
  { host: [], httpVersion: '1.0' },
  { authority: 'localhost' },
  { fetchSite: ['none'] },
  { fetchSite: ['same-origin'] },
  { origin: ['http://localhost'] },
  { host: ['localhost:9000'], origin: ['http://localhost:9000'], referer: ['http://localhost:9000/docs?x=1'] },
  { referer: ['http://localhost/'] },
  { host: ['localhost:80'], origin: ['http://localhost'] },
];

const FOREIGN: readonly Partial<CallerHeaders>[] = [
  { host: ['evil.example'] },
  { host: ['localhost.evil.example'] },
  { host: ['localhost.'] },
  { host: ['10.0.0.1'] },
  { host: ['127.0.0.1.evil.example'] },
  { host: ['128.0.0.1'] },
  { host: ['[::2]'] },
  { host: ['[::ffff:8.8.8.8]'] },
  { host: ['localhost@evil'] },
  { host: ['a b'] },
  { host: ['localhost:port'] },
  { authority: 'evil.example' },
  { authority: 'user@localhost' },
  { origin: ['null'] },
  { origin: [''] },
  { origin: ['https://localhost'] },
  { origin: ['http://localhost:81'] },
  { origin: ['http://127.0.0.1'] },
  { origin: ['http://localhost.evil.example'] },
  { origin: ['http://localhost', 'http://evil.example'] },
  { referer: ['http://evil.example/http://localhost'] },
  { referer: ['http://localhost@evil.example/'] },
  { referer: [''] },
  { fetchSite: ['cross-site'] },
  { fetchSite: ['same-site'] },
  { fetchSite: ['none', 'cross-site'] },
  { host: [''], origin: ['http://'] },
  { host: [], httpVersion: '1.0', origin: ['http://localhost'] },
];

describe('who may use the admin API', () => {
  it.each(TRUSTED)('%j may', (headers) => {
    expect(() => assertLocalCaller(caller(headers))).not.toThrow();
  });

  it.each(FOREIGN)('%j may not', (headers) => {
    expect(() => assertLocalCaller(caller(headers))).toThrow(expect.objectContaining({ code: 'forbidden_origin' }));
  });

  it('HTTP/1.1 needs exactly one Host', () => {
    for (const host of [[], ['localhost', 'localhost']])
      expect(() => assertLocalCaller(caller({ host }))).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });
});
