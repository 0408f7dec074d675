import pc from 'picocolors';
import { visible } from './terminal-text/index.js';

export type LogFormat = 'text' | 'json';

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

const STANDARD_KEYS = new Set(['level', 'time', 'component', 'msg', 'pid', 'hostname']);

/**
 * One line of text for one record: `2026-01-15T10:30:00.000Z WARN admin: message key=value`. The component stands in the
 * line so that `journalctl -u mxcp | grep admin` finds what concerns the admin socket.
 */
export function formatLine(json: string, colour: boolean): string {
  const record = parseRecord(json);
  if (record === undefined) return json;
  const level = LEVEL_NAMES[Number(record['level'])] ?? 'INFO';
  const time = timeText(record['time']);
  const fields = Object.entries(record)
    .filter(([key]) => !STANDARD_KEYS.has(key))
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
    );
  const head = `${time} ${level} ${String(record['component'] ?? 'mxcp')}:`;
  const text = [String(record['msg'] ?? ''), ...fields].join(' ');
  const message = visible(text, '\n\t').replaceAll('\n', '\n    ');
  return `${colour ? paint(level, head) : head} ${message}\n`;
}

/** A field of the record may be called `time` too and then replaces it; a log line must not throw for that. */
function timeText(time: unknown): string {
  const date = new Date(Number(time));
  return Number.isNaN(date.getTime()) ? JSON.stringify(time) : date.toISOString();
}

function paint(level: string, head: string): string {
  if (level === 'ERROR' || level === 'FATAL') return pc.red(head);
  return level === 'WARN' ? pc.yellow(head) : pc.dim(head);
}

function parseRecord(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    // pino writes one JSON object a line; the cast only gives its keys a name.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not a record of ours: shown as it is.
    return undefined;
  }
}
