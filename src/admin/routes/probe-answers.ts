import type { Health, ProbeOk } from '../contract/index.js';
import type { Check, ReadinessReport } from '../ports.js';
import { AnswerError } from './answer-error.js';
import { toSecondText } from './wire-time.js';

export function toHealth(now: Date): Health {
  return { status: 'ok', timestamp: toSecondText(now) };
}

/** Throws `server_starting`, `server_closing` or `not_ready`, with the checks, when the report does not pass. */
export function toProbe(report: ReadinessReport): ProbeOk {
  const checks = toWireChecks(report.checks);
  if (passes(report)) return { status: 'ok', checks };
  throw new AnswerError(codeOf(report), messageFor(report), { fields: { status: 'fail', checks } });
}

export function passes(report: ReadinessReport): boolean {
  return report.phase === 'serving' && report.checks.every((check) => check.status === 'ok');
}

export function toWireChecks(checks: readonly Check[]): ProbeOk['checks'] {
  return checks.map(({ name, status, message }) => ({ name, status, message }));
}

function codeOf(report: ReadinessReport): 'server_starting' | 'server_closing' | 'not_ready' {
  if (report.phase === 'starting') return 'server_starting';
  return report.phase === 'closing' ? 'server_closing' : 'not_ready';
}

function messageFor(report: ReadinessReport): string {
  if (report.phase === 'starting') return 'the server has not become ready yet';
  if (report.phase === 'closing') return 'the server is shutting down';
  const failed = report.checks.filter((check) => check.status === 'fail');
  return failed.map((check) => `check "${check.name}" failed: ${check.message}`).join('; ');
}
