import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, LimitedLog, Scrubber } from '../../../src/logging/index.js';

describe('lines that people outside can cause', () => {
  const lines: string[] = [];
  const line = () => [{}, 'text'] as const;
  let log: LimitedLog;

  beforeEach(() => {
    vi.useFakeTimers();
    const sinks = [(text: string) => lines.push(text.replace(/^\S+ /, ''))];
    log = new LimitedLog(createLogger({ level: 'info', format: 'text', scrubber: new Scrubber(), sinks }));
  });
  afterEach(() => {
    lines.length = 0;
    vi.useRealTimers();
  });

  it('are at most 10 of one subject and 100 of all in a minute, and 21 that count the others', () => {
    for (let subject = 0; subject < 200; subject += 1) {
      for (let count = 0; count <= subject; count += 1) log.write('warn', `calls of ${subject}`, line);
    }
    expect(lines).toHaveLength(100);
    vi.advanceTimersByTime(60_000);
    const counted = lines.slice(100);
    expect(counted).toHaveLength(21);
    expect(counted[0]).toBe('WARN mxcp: 200 more calls of 199 in the last minute, not logged left_out=200\n');
    const left = counted.map((each) => Number(/left_out=(\d+)/.exec(each)?.[1]));
    expect(left.reduce((sum, count) => sum + count, 100)).toBe((200 * 201) / 2);
  });

  it('are written again in the next minute', () => {
    for (let minute = 1; minute <= 3; minute += 1) {
      for (let count = 0; count < 11; count += 1) log.write('info', 'calls', line);
      expect(lines).toHaveLength(minute * 11 - 1);
      vi.advanceTimersByTime(60_000);
      expect(lines).toHaveLength(minute * 11);
    }
  });

  it('are counted at once when the log ends, and not again', () => {
    for (let count = 0; count < 12; count += 1) log.write('info', 'calls', line);
    log.dispose();
    log.dispose();
    vi.advanceTimersByTime(60_000);
    expect(lines.at(-1)).toBe('INFO mxcp: 2 more calls in the last minute, not logged left_out=2\n');
    expect(lines).toHaveLength(11);
  });
});
