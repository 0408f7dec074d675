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
