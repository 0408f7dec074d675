import { describe, expect, test } from 'vitest';
import { createLogger, createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import { formatLine, withPriority } from '../../../src/logging/logger.js';

const TIME = '2026-01-15T10:30:00.000Z';

function format(record: Readonly<Record<string, unknown>>): string {
  return formatLine(JSON.stringify({ level: 'info', time: TIME, ...record }), false);
}

describe('a line of text', () => {
  test('shows time, level, component, message and fields', () => {
    expect(format({ level: 'warn', component: 'admin', msg: 'socket is gone', path: '/run/x', count: 2 })).toBe(
      '2026-01-15T10:30:00.000Z WARN admin: socket is gone path=/run/x count=2\n',
    );
  });

  test('names the program where no part of it speaks', () => {
    expect(format({ msg: 'ready' })).toBe('2026-01-15T10:30:00.000Z INFO mxcp: ready\n');
  });

  test('quotes text in which a reader could not see the end, and shows objects as JSON', () => {
    expect(format({ msg: 'm', a: 'two words', b: 'x=y', c: 'say "no"', d: { e: [1] }, f: null, g: '' })).toBe(
      '2026-01-15T10:30:00.000Z INFO mxcp: m a="two words" b="x=y" c="say \\"no\\"" d={"e":[1]} f=null g=\n',
    );
  });

  test('has its fields after the first line of a message, and indents the others', () => {
    expect(format({ msg: 'first\nsecond\nthird', id: 'x', trigger: 'api' })).toBe(
      '2026-01-15T10:30:00.000Z INFO mxcp: first id=x trigger=api\n    second\n    third\n',
    );
  });

  test('lets no control character through to a terminal', () => {
    const line = format({ msg: 'a\u001b[2Jb\rc\u0007\u009bd', field: '\u001b]0;x' });
    expect(line).toBe('2026-01-15T10:30:00.000Z INFO mxcp: a\\u001b[2Jb\\rc\\u0007\\u009bd field=\\u001b]0;x\n');
  });

  test.each([
    [{ time: 'noon' }, '"noon" INFO mxcp: m\n'],
    [{ level: 'loud' }, '2026-01-15T10:30:00.000Z INFO mxcp: m\n'],
  ])('survives a field that hides one of its own: %j', (fields, line) => {
    expect(format({ msg: 'm', ...fields })).toBe(line);
  });

  test.each(['not json', '"text"', '12', 'null'])('leaves what is no record as it is: %s', (text) => {
    expect(formatLine(text, false)).toBe(text);
  });
});

describe('the logger', () => {
  test('writes one JSON object a line, with time, level, component and message', () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: 'info',
      format: 'json',
      scrubber: new Scrubber(),
      sinks: [(line) => lines.push(line)],
    });
    logger.child({ component: 'reload' }).info({ id: 'x' }, 'reload started');
    logger.debug('not at this level');
    expect(lines).toHaveLength(1);
    const record: unknown = JSON.parse(lines[0] ?? '');
    expect(record).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      component: 'reload',
      id: 'x',
      msg: 'reload started',
    });
    expect(lines[0]).toMatch(/\n$/);
  });

  test('gives every sink every line', () => {
    const [first, second]: [string[], string[]] = [[], []];
    const sinks = [(line: string) => first.push(line), (line: string) => second.push(line)];
    createLogger({ level: 'info', format: 'text', scrubber: new Scrubber(), sinks }).error('broken');
    expect(first).toEqual([expect.stringMatching(/ ERROR mxcp: broken\n$/)]);
    expect(second).toEqual(first);
  });

  test('applies the level it has at the moment', () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: 'warn',
      format: 'text',
      scrubber: new Scrubber(),
      sinks: [(line) => lines.push(line)],
    });
    logger.debug('before');
    logger.level = 'debug';
    logger.debug('after');
    expect(lines).toEqual([expect.stringContaining('DEBUG mxcp: after')]);
  });

  test('scrubs values that were registered after it was made', () => {
    const scrubber = new Scrubber();
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'text', scrubber, sinks: [(line) => lines.push(line)] });
    scrubber.register(['late-secret']);
    logger.info({ err: new Error('refused late-secret') }, 'late-secret');
    expect(lines.join('')).toContain('[secret]');
    expect(lines.join('')).not.toContain('late-secret');
  });

  test('that is silent says nothing', () => {
    expect(createSilentLogger().isLevelEnabled('fatal')).toBe(false);
  });
});

describe('a line for the journal of systemd', () => {
  test.each([
    ['fatal', 2],
    ['error', 3],
    ['warn', 4],
    ['info', 6],
    ['debug', 7],
    ['unheard-of', 6],
  ])('of the level %s has the priority %i, and so have its further lines', (level, priority) => {
    expect(withPriority('first\n    second\n', level)).toBe(`<${priority}>first\n<${priority}>    second\n`);
  });
});
