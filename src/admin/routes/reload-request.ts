import { MxcpError } from '../../errors/index.js';
import { deadlineIn, raceSignal } from '../../lifecycle/index.js';
import { MAX_WAIT_MS } from '../contract/wait-limit.js';
import type { QueryOf, ReloadAccepted, ReloadRecord as WireReloadRecord } from '../contract/wire-types.js';
import { AnswerError, toReloadAccepted, toWireRecord } from './answers.js';
import type { ReloadPort, ReloadRecord } from './ports.js';

export interface ReloadCall {
  readonly query: QueryOf<'postReload'>;
  readonly fromCli: boolean;
  /** Aborted when the caller goes away or the admin server closes. */
  readonly signal: AbortSignal;
}

export type ReloadReply =
  | { readonly status: 202; readonly body: ReloadAccepted; readonly headers: { readonly Location: string } }
  | { readonly status: 200; readonly body: WireReloadRecord };

/**
 * Asks for a reload and, where the caller wants it, waits for its end. Throws `bad_request` for a forced dry run,
 * `server_closing`, `reload_failed` with the record, and `wait_timeout`.
 */
export async function requestReload(port: ReloadPort, call: ReloadCall): Promise<ReloadReply> {
  const { wait, dry_run: dryRun = false, definitions, force = false } = call.query;
  if (force && dryRun) {
    throw new MxcpError(
      'bad_request',
      'dry_run changes nothing, so force would interrupt calls for nothing; leave one of them out',
    );
  }
  const { id, ended } = port.request({
    trigger: call.fromCli ? 'cli' : 'api',
    dryRun,
    force,
    ...(definitions === undefined ? {} : { definitions }),
  });
  const location = `/reloads/${id}`;
  // A dry run answers like a wait: without one of its own it waits as long as a caller may ask for.
  const waitMs = wait ?? (dryRun ? MAX_WAIT_MS : 0);
  if (waitMs === 0) {
    return { status: 202, body: toReloadAccepted(id, new Date()), headers: { Location: location } };
  }
  const record = await settledWithin(ended, { waitMs, signal: call.signal, location });
  if (record.status === 'error') {
    throw new AnswerError('reload_failed', failureText(record), { fields: { reload: toWireRecord(record) } });
  }
  return { status: 200, body: toWireRecord(record) };
}

interface WaitLimits {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly location: string;
}

/** Throws `wait_timeout` when the time runs out and `server_closing` when the signal ends the wait. */
async function settledWithin<T>(ended: Promise<T>, limits: WaitLimits): Promise<T> {
  const { waitMs, signal, location } = limits;
  const deadline = deadlineIn(waitMs, signal);
  try {
    return await raceSignal(ended, deadline);
  } catch (error) {
    if (!deadline.aborted || error !== deadline.reason) throw error;
    throw signal.aborted ? closingWhileWaiting(location) : waitTimeout(waitMs, location);
  } finally {
    deadline.dispose();
  }
}

function closingWhileWaiting(location: string): AnswerError {
  return new AnswerError('server_closing', 'the server is shutting down; how this reload ends is not known', {
    headers: { Location: location },
  });
}

function waitTimeout(waitMs: number, location: string): AnswerError {
  return new AnswerError(
    'wait_timeout',
    `the reload still runs after ${waitMs / 1000} s; GET ${location} tells how it ends`,
    { headers: { Location: location } },
  );
}

function failureText(record: ReloadRecord): string {
  if (record.error === null) return `reload ${record.id} failed; nothing changed`;
  const { stage, message, file, line } = record.error;
  const position = file === null ? '' : ` (${file}${line === null ? '' : `:${line}`})`;
  // The message of a problem in a file begins with its position already.
  const suffix = file !== null && message.includes(file) ? '' : position;
  return `reload failed at stage ${stage}, nothing changed: ${message}${suffix}`;
}
