import { setTimeout as delay } from 'node:timers/promises';
import { deadlineIn } from '../../../lifecycle/index.js';
import { ExchangeFailure } from './exchange-failure.js';
import type { TimeLimit } from './time-limit.js';
import type { HttpAnswer, HttpPeer, HttpRequest } from './http-peer.js';

const MAX_ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;

/** Statuses that the same request may not meet again in a moment. */
const PASSING_STATUSES = new Set([412, 429, 500, 502, 503, 504]);

/**
 * Sends a request, and up to two times more when the failure may pass: after the pause that the server asks for
 * (`Retry-After`), else after a growing one. An attempt gets half of the time that is left, so that one slow answer does
 * not use up everything. Answers with the last answer, whatever its status. Throws `ExchangeFailure`.
 */
export async function sendPatiently(
  peer: HttpPeer,
  request: HttpRequest,
  limit: TimeLimit,
  address?: string,
): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryOnce(peer, request, limit, address);
    const isLast = attempt === MAX_ATTEMPTS || !mayPass(outcome);
    const pauseMs = pauseAfter(outcome, attempt);
    if (isLast || performance.now() + pauseMs >= limit.endsAt) return settle(outcome);
    try {
      await delay(pauseMs, undefined, { signal: limit.signal });
    } catch {
      // Nobody waits any longer; what is known by now is the reason.
      return settle(outcome);
    }
  }
}

type Outcome = HttpAnswer | ExchangeFailure;

async function tryOnce(
  peer: HttpPeer,
  request: HttpRequest,
  limit: TimeLimit,
  address: string | undefined,
): Promise<Outcome> {
  const leftMs = Math.max(1, limit.endsAt - performance.now());
  const deadline = deadlineIn(Math.ceil(leftMs / 2), limit.signal);
  try {
    return await peer.send(request, deadline, address);
  } catch (error) {
    if (error instanceof ExchangeFailure) return error;
    throw error;
  } finally {
    deadline.dispose();
  }
}

function mayPass(outcome: Outcome): boolean {
  return outcome instanceof ExchangeFailure ? outcome.isPassing : PASSING_STATUSES.has(outcome.status);
}

function settle(outcome: Outcome): HttpAnswer {
  if (outcome instanceof ExchangeFailure) throw outcome;
  return outcome;
}

function pauseAfter(outcome: Outcome, attempt: number): number {
  const asked = outcome instanceof ExchangeFailure ? undefined : retryAfterMs(outcome);
  // Many servers may fail at the same moment and must not all come back at the same moment.
  return asked ?? FIRST_PAUSE_MS * 2 ** (attempt - 1) * (1 + Math.random());
}

/** `Retry-After` in seconds. As a date it would depend on two clocks, so it is not looked at. */
export function retryAfterMs({ headers }: HttpAnswer): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  return /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}
