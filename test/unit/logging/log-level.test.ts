import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LogLevelState, Scrubber, ServerLog } from '../../../src/logging/index.js';

describe('the level of the log', () => {
  let lines: string[];
  let log: ServerLog;
  let changes: LogLevelState[];

  beforeEach(() => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:04:05.000Z') });
    lines = [];
    changes = [];
    log = new ServerLog({
      debug: false,
      format: 'json',
      scrubber: new Scrubber(),
      sinks: [(line) => lines.push(line)],
    });
    log.level.onChange = (state) => changes.push(state);
  });
  afterEach(async () => {
    await log.close();
    vi.useRealTimers();
  });

  test('counts for the logger and for children made before and after the change', () => {
    const before = log.logger.child({ component: 'a' });
    log.level.choose('debug');
    const after = log.logger.child({ component: 'b' });
    for (const logger of [log.logger, before, after, before.child({ deep: 1 })]) logger.debug('shown');
    expect(lines).toHaveLength(4);
    log.level.choose(undefined);
    for (const logger of [log.logger, before, after]) logger.debug('not shown');
    expect(lines).toHaveLength(4);
  });

  test('returns by itself, also after the configuration was read anew', () => {
    expect(log.level.choose('debug', 600_000)).toEqual({
      level: 'debug',
      configured: 'info',
      until: new Date('2026-01-02T03:14:05.000Z'),
    });
    log.configure({ enabled: true, level: 'warn', path: null, maxBytes: 1, backupCount: 1 });
    expect(log.level.state).toMatchObject({ level: 'debug', configured: 'warn' });
    vi.advanceTimersByTime(599_999);
    log.logger.debug('shown');
    vi.advanceTimersByTime(1);
    log.logger.info('not shown');
    expect(log.level.state).toEqual({ level: 'warn', configured: 'warn', until: null });
    expect(lines).toHaveLength(1);
    expect(changes.map(({ level }) => level)).toEqual(['debug', 'warn']);
  });

  test('of the last choice is the one that counts', () => {
    log.level.choose('debug', 1_000);
    log.level.choose('error', 5_000);
    vi.advanceTimersByTime(1_000);
    expect(log.level.state.level).toBe('error');
    log.level.choose('warn');
    vi.advanceTimersByTime(60_000);
    expect(log.level.state).toEqual({ level: 'warn', configured: 'info', until: null });
  });

  test('survives many loggers', () => {
    const kept = log.logger.child({ component: 'kept' });
    for (let at = 0; at < 1_000; at += 1) log.logger.child({ at });
    log.level.choose('debug');
    kept.debug('shown');
    expect(lines).toHaveLength(1);
  });
});
