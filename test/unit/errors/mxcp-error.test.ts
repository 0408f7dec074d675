import { describe, expect, test } from 'vitest';
import {
  ERROR_CODES,
  errorCodeOf,
  exitCodeOf,
  formatProblem,
  httpStatusOf,
  messageOf,
  MxcpError,
  problemsError,
  toMxcpError,
  toOneLine,
  type ErrorCode,
} from '../../../src/errors/index.js';

const codes = Object.keys(ERROR_CODES) as ErrorCode[]; // the keys of the closed table are its codes

describe('error codes', () => {
  test.each(codes)('%s has an HTTP status of an error, an exit code and a sentence', (code) => {
    expect(httpStatusOf(code)).toBeGreaterThanOrEqual(400);
    expect(httpStatusOf(code)).toBeLessThan(600);
    expect([1, 2, 3, 4, 70]).toContain(exitCodeOf(code));
    expect(ERROR_CODES[code].doc).toMatch(/\.$/);
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  test.each([
    ['bad_request', 400, 2],
    ['read_only_socket', 403, 2],
    ['route_not_found', 404, 2],
    ['method_not_allowed', 405, 2],
    ['request_timeout', 408, 2],
    ['body_too_large', 413, 2],
    ['headers_too_large', 431, 2],
    ['query_failed', 500, 1],
    ['port_in_use', 500, 3],
    ['server_busy', 503, 4],
    ['call_timeout', 504, 4],
    ['internal', 500, 70],
  ] as const)('%s answers %i and exits %i', (code, status, exitCode) => {
    const error = new MxcpError(code, 'a message');
    expect([error.httpStatus, error.exitCode]).toEqual([status, exitCode]);
  });
});

describe('MxcpError', () => {
  test('keeps what it was given', () => {
    const cause = new Error('below');
    const error = new MxcpError('server_busy', 'wait', { cause, detail: 'more', retryAfterSeconds: 3 });
    expect(error).toMatchObject({
      name: 'MxcpError',
      code: 'server_busy',
      message: 'wait',
      cause,
      detail: 'more',
      retryAfterSeconds: 3,
      problems: [],
    });
  });

  test('has no cause of its own making', () => {
    expect('cause' in new MxcpError('internal', 'alone')).toBe(false);
  });
});

describe('problems', () => {
  test('are shown as far as their position is known', () => {
    const message = 'is wrong';
    expect(formatProblem({ file: 'a.yml', line: 3, column: 7, message })).toBe('a.yml:3:7: is wrong');
    expect(formatProblem({ file: 'a.yml', line: 3, message })).toBe('a.yml:3: is wrong');
    expect(formatProblem({ file: 'a.yml', message })).toBe('a.yml: is wrong');
    expect(formatProblem({ file: 'a.yml', column: 7, message })).toBe('a.yml: is wrong');
  });

  test('are all listed in the message of the error', () => {
    const problems = [
      { file: 'a.yml', line: 1, column: 2, message: 'first' },
      { file: 'b.yml', message: 'second' },
    ];
    const error = problemsError('config_invalid', '2 problems', problems);
    expect(error.message).toBe('2 problems\n  a.yml:1:2: first\n  b.yml: second');
    expect(error.problems).toEqual(problems);
    expect(toOneLine(error.message)).toBe('2 problems a.yml:1:2: first b.yml: second');
  });
});

describe('what was thrown', () => {
  test('stays what it is when it is an error of ours', () => {
    const error = new MxcpError('usage', 'as it is');
    expect(toMxcpError(error)).toBe(error);
  });

  test('becomes an internal error that quotes nothing in its message', () => {
    const error = toMxcpError(new Error('password=hunter2'));
    expect(error.code).toBe('internal');
    expect(error.message).not.toContain('hunter2');
    expect(error.detail).toContain('password=hunter2');
  });

  test.each([['text'], [undefined], [null], [{ some: 'object' }]])('may be anything: %j', (thrown) => {
    expect(toMxcpError(thrown).code).toBe('internal');
    expect(messageOf(thrown)).toBe(String(thrown));
  });

  test('has a code when it was given one that is a text', () => {
    expect(errorCodeOf(Object.assign(new Error('gone'), { code: 'ENOENT' }))).toBe('ENOENT');
    // The code of a DOMException is a number.
    expect(errorCodeOf(AbortSignal.abort().reason)).toBe(undefined);
    expect(errorCodeOf(new Error('gone'))).toBe(undefined);
    expect(errorCodeOf({ code: 'ENOENT' })).toBe(undefined);
    expect(errorCodeOf(undefined)).toBe(undefined);
  });
});
