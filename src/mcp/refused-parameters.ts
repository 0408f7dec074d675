import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { joinReasons } from '../errors/index.js';

/** Turns a report of the schema library into a readable refusal. Returns undefined for any other error. */
export function toParamsError(error: unknown): ProtocolError | undefined {
  if (!(error instanceof Error)) return undefined;
  const hasCode = error instanceof ProtocolError;
  const report = hasCode ? /^Invalid tools\/call request: (.*)$/s.exec(error.message)?.[1] : error.message;
  const issues = report === undefined ? [] : parseIssues(report);
  if (issues.length === 0) return undefined;
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params: ${toIssueTexts(issues)}`);
}

/** Empty when the text is no report of the schema library. */
function parseIssues(report: string): readonly unknown[] {
  try {
    const issues: unknown = JSON.parse(report);
    return Array.isArray(issues) ? issues : [];
  } catch {
    // Another error, with a readable message.
    return [];
  }
}

/** As many as the SDK takes over HTTP (2.4.0). */
const MAX_LISTED = 100;

/** Members and items of one body, besides the arguments of calls, which have their own limit. The SDK reads each several times, in 7 µs (2.4.0). */
const MAX_PARTS = 10_000;

/** The length of the shortest text that can have more parts. */
export const LARGE_TEXT = 2 * MAX_PARTS;

/** Why a body that is valid JSON is not read any further. */
export class OversizedMessage extends Error {
  readonly parsed: unknown;

  constructor(message: string, parsed: unknown) {
    super(message);
    this.parsed = parsed;
  }
}

/** Refuses what would hold the event loop while the SDK reads it. Throws `OversizedMessage`. */
export function refuseOversized(parsed: unknown): void {
  const messages: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (messages.length > MAX_LISTED)
    throw new OversizedMessage(`Invalid Request: a list may have at most ${MAX_LISTED} messages`, parsed);
  const skipped = new Set(messages.map((message) => fieldOf(fieldOf(message, 'params'), 'arguments')));
  const open = [...messages];
  let count = 0;
  while (open.length > 0) {
    const parts = Object.values(Object(open.pop()));
    count += parts.length;
    if (count > MAX_PARTS)
      throw new OversizedMessage(`Invalid Request: more than ${MAX_PARTS} values besides arguments`, parsed);
    for (const part of parts) if (typeof part === 'object' && part !== null && !skipped.has(part)) open.push(part);
  }
}

export function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

/** What is wrong with the parameters of a request, by their paths within it. */
export function toIssueTexts(issues: readonly unknown[]): string {
  return joinReasons(issues.flatMap(toIssueText));
}

function toIssueText(issue: unknown): readonly string[] {
  if (typeof issue !== 'object' || issue === null || !('path' in issue) || !('message' in issue)) return [];
  if (!Array.isArray(issue.path)) return [];
  const [, ...path] = issue.path.map(String);
  return [`${path.join('.') || 'params'}: ${String(issue.message).replace(/^Invalid \w+: /, '')}`];
}
