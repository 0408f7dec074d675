import { reloadRecord, type RunRecord, toWire } from '../contract/index.js';
import { MxcpError } from '../errors/index.js';
import { endedWithin, MAX_WAIT_MS, type Wait } from '../lifecycle/index.js';
import type { ReloadPort } from './ports.js';
import {
  AnswerError,
  matchesTag,
  ok,
  type RouteHandlers,
  type RouteReply,
  type RouteRequest,
} from './route-answers.js';

/** `GET /reloads` without `limit`: every run that is remembered. */
const DEFAULT_RELOAD_LIMIT = 50;

export function createReloadHandlers(
  reloads: ReloadPort,
  configTag: () => string,
): Pick<RouteHandlers, 'postReload' | 'listReloads' | 'getReload' | 'deleteReload'> {
  return {
    postReload: (request) => {
      assertSameConfig(request.header('if-match'), configTag);
      return requestReload(reloads, request);
    },
    listReloads: ({ query }) => ok({ reloads: reloads.list(query.limit ?? DEFAULT_RELOAD_LIMIT) }),
    getReload: ({ pathParameters: { id = '' } }) => ok(findRecord(reloads, id)),
    deleteReload: async ({ pathParameters: { id = '' }, signal }) => {
      findRecord(reloads, id);
      const wait = { waitMs: CANCEL_WAIT_MS, signal, ...unfinished(id, CANCEL_WAIT_MS) };
      return ok(await endedWithin(() => reloads.cancel(id), wait));
    },
  };
}

/** Throws `reload_not_found`. */
function findRecord(reloads: ReloadPort, id: string): RunRecord {
  const record = reloads.find(id);
  if (record !== undefined) return record;
  throw new MxcpError(
    'reload_not_found',
    'no reload with this id is remembered; `GET /reloads` and `mxcp admin reloads` list those that are',
  );
}

/** A reload that is cancelled ends before its next stage; the longest one that cannot be cut short starts Python. */
const CANCEL_WAIT_MS = 30_000;

/** Throws `precondition_failed`. */
function assertSameConfig(condition: string | undefined, configTag: () => string): void {
  if (condition === undefined || matchesTag(condition, `"${configTag()}"`)) return;
  throw new MxcpError(
    'precondition_failed',
    'another configuration is active than the one that `If-Match` names; read it with `GET /config`, and send its `ETag`',
  );
}

/**
 * Asks for a reload and, where the caller wants it, waits for its end. Throws `bad_request` for a forced dry run,
 * `server_closing`, `reload_failed` with the record, and `wait_timeout`.
 */
async function requestReload(
  reloads: ReloadPort,
  { query, fromCli, signal }: RouteRequest<'postReload'>,
): Promise<RouteReply<'postReload'>> {
  const { wait, definitions, force = false } = query;
  const dryRun = query.dry_run ?? false;
  if (force && dryRun) {
    throw new MxcpError('bad_request', '`force` and `dry_run` cannot be combined: a dry run has no calls to interrupt');
  }
  const { id, ended } = reloads.request({
    trigger: fromCli ? 'cli' : 'api',
    dryRun,
    force,
    ...(definitions === undefined ? {} : { definitions }),
  });
  // A dry run answers like a wait: without one of its own it waits as long as a caller may ask for.
  const waitMs = wait ?? (dryRun ? MAX_WAIT_MS : 0);
  if (waitMs === 0) return accepted(id);
  const record = await endedWithin(() => ended, { waitMs, signal, ...unfinished(id, waitMs) });
  if (record.status !== 'error') return { status: 200, body: record };
  if (record.error?.code === 'reload_cancelled') {
    const message = `reload ${id} was cancelled by a request, nothing changed`;
    throw new AnswerError('reload_cancelled', message, { fields: { reload: toWire(reloadRecord, record) } });
  }
  throw new AnswerError('reload_failed', failureText(record), { fields: { reload: toWire(reloadRecord, record) } });
}

function accepted(id: string): RouteReply<'postReload'> {
  const body = {
    status: 'reload_initiated',
    timestamp: new Date(),
    reloadRequestId: id,
    message: 'Reload request queued. Use GET /status to check progress.',
  } as const;
  return { status: 202, body, headers: locationOf(id) };
}

function locationOf(id: string): { readonly Location: string } {
  return { Location: `/reloads/${id}` };
}

/** The answers to a caller whose wait ends before the reload. */
function unfinished(id: string, waitMs: number): Pick<Wait, 'closed' | 'timedOut'> {
  const headers = locationOf(id);
  const continues = `the reload is still running after ${waitMs / 1000} s; GET ${headers.Location} shows how it ends`;
  const unknown = 'the server is shutting down; how this reload ends is not known';
  return {
    closed: () => new AnswerError('server_closing', unknown, { headers }),
    timedOut: () => new AnswerError('wait_timeout', continues, { headers }),
  };
}

function failureText({ id, error }: RunRecord): string {
  if (error === null) return `reload ${id} failed`;
  const { stage, message, file, line } = error;
  // The message of a problem in a file begins with its position already.
  const position = file === null || message.includes(file) ? '' : ` (${file}${line === null ? '' : `:${line}`})`;
  // A handover that fails in the swap may have run a payload, or may have failed to return to the old database.
  const unchanged = stage === 'swap' ? '' : ', nothing changed';
  return `reload failed at stage ${stage}${unchanged}: ${message}${position}`;
}
