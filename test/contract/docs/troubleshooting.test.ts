import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../../src/errors/index.js';
import { codesOf, readPage } from './doc-blocks.js';
import { loggedMessages, messagesIn, normalize } from './operational-messages.js';

const PAGE = 'docs/operations/troubleshooting.md';
const page = normalize(readPage(PAGE));
const codes = new Set(codesOf(readPage(PAGE).replaceAll(/^```[\s\S]*?^```$/gm, '')));

/** Mistakes of a caller, which the answer itself explains: no operator has to look for them. */
const NOT_OPERATIONAL = new Set([
  'endpoint_not_found',
  'tool_error',
  'not_found',
  'params_invalid',
  'bad_request',
  'route_not_found',
  'method_not_allowed',
  'request_timeout',
  'body_too_large',
  'headers_too_large',
]);

/** Where a message comes from elsewhere, by file: the parts of it that the page has. The sources have them too. */
const FROM_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'src/admin/admin-server.ts': ['can be replaced by others'],
  'src/admin/socket/admin-socket.ts': ['cannot reach the admin socket, because it may not pass'],
  'src/duckdb/handover/database-handover.ts': ['could not be removed:', 'attach_failed'],
  // As those of a start that fails, with `--ignore-errors`.
  'src/endpoints/definitions/group-members.ts': ['config_invalid'],
  'src/opentelemetry/opentelemetry.ts': ['; its default applies'],
  'src/project/generation-builder.ts': ['cannot replace a Python worker that ended:'],
  'src/python/python-workers.ts': ['python_failed'],
  'src/python/worker-pool.ts': ['cannot replace a Python worker that ended:'],
  'src/server/admin-ports.ts': ['of the admin socket cannot be used'],
  'src/server/candidate.ts': ['Both were kept, and their rows are not'],
  // The same problems as those of a start that fails, as warnings.
  'src/server/server-reload-steps.ts': ['config_invalid'],
  'src/server/server.ts': ['config_invalid'],
  'src/server/start-serving.ts': ['endpoint_invalid', 'Both were kept, and their rows are not'],
};

// The commands write to a terminal, not to a log; `serve` is the exception.
const messages = loggedMessages().filter(({ place }) => !place.startsWith('src/cli/') || place.includes('/serve.ts'));
const fixed = messages.flatMap(({ place, text }) => (text === undefined ? [] : [{ place, text }]));
const fileOf = (place: string): string => place.split(':')[0] ?? '';

describe('the page for trouble', () => {
  it.each(Object.keys(ERROR_CODES).filter((code) => !NOT_OPERATIONAL.has(code)))('has the error code %s', (code) => {
    expect(codes.has(code), `${PAGE} has no row with \`${code}\``).toBe(true);
  });

  it.each(fixed)('has the message of $place', ({ text }) => {
    expect(page.includes(text), `${PAGE} has no row with "${text}"`).toBe(true);
  });

  it('has what is logged with a text from elsewhere', () => {
    const files = new Set(messages.filter(({ text }) => text === undefined).map(({ place }) => fileOf(place)));
    expect([...files].sort()).toEqual(Object.keys(FROM_ELSEWHERE).sort());
    for (const text of Object.values(FROM_ELSEWHERE).flat()) expect(page).toContain(text);
  });

  it('names no code that does not exist', () => {
    const known = new Set(Object.keys(ERROR_CODES));
    for (const code of NOT_OPERATIONAL) expect([...known]).toContain(code);
  });
});

describe('the search for messages', () => {
  it('finds the longest part that stays the same', () => {
    const source = [
      "logger.warn({ a: f('x y z w v u t') }, `before ${text('a')} and what comes after it`);",
      'logger.error(message);',
      "this.#logger.info('only for those who look');",
    ].join('\n');
    expect(messagesIn('a.ts', source)).toEqual([
      { place: 'a.ts:1', text: 'and what comes after it' },
      { place: 'a.ts:2', text: undefined },
    ]);
  });

  it('finds those of every part of the server', () => {
    const folders = new Set(messages.map(({ place }) => place.split('/')[1]));
    for (const folder of ['admin', 'cli', 'duckdb', 'logging', 'mcp', 'python', 'reload', 'secrets', 'server'])
      expect([...folders]).toContain(folder);
    expect(fixed.length).toBeGreaterThan(35);
  });
});
