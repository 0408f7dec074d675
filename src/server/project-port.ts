import { toCaller } from '../caller/index.js';
import type { ProjectPort } from '../admin/index.js';
import type { BodyOf } from '../contract/index.js';
import type { SqlParameters } from '../duckdb/index.js';
import { callByName, type EndpointRun, findCalled, findDefinitionChange, toJson } from '../endpoints/index.js';
import type { Scrubber } from '../logging/index.js';
import { checkProject, toProjectReport } from '../project/index.js';
import type { CallTiming } from '../telemetry/index.js';
import { findRefused, refusedError } from './refused-definitions.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

/**
 * What `mxcp run`, `mxcp query` and `mxcp validate` ask of the server that has their database open. Calls take the same path as
 * those of MCP clients. `serving` throws `server_starting`.
 */
export function createProjectPort(context: ServerContext, serving: () => Running): ProjectPort {
  return {
    run: async (body, signal) => runEndpoint(body, signal, context, serving()),
    query: async ({ sql, parameters = {}, limit }, signal) => {
      const { active, calls } = serving();
      // Values come from JSON, and any JSON value can be bound.
      const query = { sql, parameters: parameters as SqlParameters, limit };
      const { result, hasMore } = await calls.runQuery(query, { caller: toCaller({}), signal, isOwner: true });
      const generation = active.current.number;
      return { result: toJson(result), generation, truncated: hasMore, ...AS_ON_DISK };
    },
    validate: async (signal) => {
      serving();
      const { settings, env, logger, stores, databases, scrubber } = context;
      const check = await checkProject(settings, { env, logger, stores, server: { databases, scrubber, signal } });
      const { verdicts, warnings, error } = toProjectReport(check, settings.projectRoot);
      const scrub = (text: string): string => scrubber.scrub(text);
      return {
        verdicts: verdicts.map((each) => ({ ...each, message: each.message && scrub(each.message) })),
        warnings: warnings.map(scrub),
        error: error && { ...error, message: scrub(error.message) },
      };
    },
  };
}

async function runEndpoint(
  body: BodyOf<'runEndpoint'>,
  signal: AbortSignal,
  { scrubber, observers }: ServerContext,
  running: Running,
): ReturnType<ProjectPort['run']> {
  const { number: generation, contents } = running.active.current;
  const { changed, refused } = await compareWithDisk(body, running, scrubber);
  const { type: kind, name } = body;
  const timing = observers.timeCall(() => ({ kind, name, transport: 'admin' }));
  try {
    const result = await callByName(running.calls, contents.endpoints, toRun(body, signal, timing));
    return { result, generation, truncated: false, definitionsChanged: changed, definitionsRefused: refused };
  } finally {
    timing?.answered();
  }
}

const AS_ON_DISK = { definitionsChanged: [], definitionsRefused: [] } as const;

/** How the file of a called endpoint differs from what is served. Throws `endpoint_invalid` if only a refused file has the endpoint. */
async function compareWithDisk(
  { type: kind, name }: BodyOf<'runEndpoint'>,
  { active, coordinator }: Running,
  scrubber: Scrubber,
): Promise<{ readonly changed: readonly string[]; readonly refused: readonly string[] }> {
  const { contents } = active.current;
  const { last } = coordinator.status();
  const refused = findRefused(contents, last, scrubber);
  const called = findCalled(contents.endpoints, { kind, name });
  if (called === undefined) {
    const ofThisName = [...refused.values()].filter((each) => each.type === kind && each.name === name);
    if (ofThisName.length > 0) throw refusedError(kind, name, ofThisName);
    return { changed: [], refused: [] };
  }
  const change = await findDefinitionChange(contents.config.projectRoot, contents.endpoints.catalog, called.path);
  if (change === undefined) return { changed: [], refused: [] };
  const own = refused.get(called.path);
  // One refused file keeps a reload from applying the changes of all others.
  const reasons = own === undefined ? (last?.definitionsRefused ?? []) : [own];
  return { changed: [change], refused: reasons.flatMap(({ message }) => message.split('\n')) };
}

function toRun(body: BodyOf<'runEndpoint'>, signal: AbortSignal, timing: CallTiming | undefined): EndpointRun {
  const { type: kind, name, parameters = {}, user_context = {}, request_headers: requestHeaders } = body;
  const caller = { ...toCaller(user_context), ...(requestHeaders && { requestHeaders }) };
  const origin = { trace: timing?.trace };
  return {
    kind,
    name,
    parameters,
    withData: body.with_data,
    context: { caller, signal, origin, timing, isOwner: true, skipOutputValidation: body.skip_output_validation },
  };
}
