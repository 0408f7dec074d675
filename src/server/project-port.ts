import type { ProjectPort } from '../admin/index.js';
import type { BodyOf } from '../contract/index.js';
import type { SqlParameters } from '../duckdb/index.js';
import { callByName, type EndpointRun, findDefinitionChanges, toCaller, toJson } from '../endpoints/index.js';
import { checkProject, toProjectReport } from '../project/index.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

/**
 * What `mxcp run`, `mxcp query` and `mxcp validate` ask of the server that has their database open. Calls take the same path as
 * those of MCP clients. `serving` throws `server_starting`.
 */
export function createProjectPort(context: ServerContext, serving: () => Running): ProjectPort {
  return {
    run: async (body, signal) => {
      const { active, calls } = serving();
      const { number, contents } = active.current;
      const definitionsChanged = await findDefinitionChanges(contents.config, contents.endpoints.catalog);
      const result = await callByName(calls, contents.endpoints, toRun(body, signal));
      return { result, generation: number, truncated: false, definitionsChanged };
    },
    query: async ({ sql, parameters = {}, limit }, signal) => {
      const { active, calls } = serving();
      // Values come from JSON, and any JSON value can be bound.
      const query = { sql, parameters: parameters as SqlParameters, limit };
      const { result, hasMore } = await calls.runQuery(query, { caller: toCaller({}), signal });
      const generation = active.current.number;
      return { result: toJson(result), generation, truncated: hasMore, definitionsChanged: [] };
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

function toRun(body: BodyOf<'runEndpoint'>, signal: AbortSignal): EndpointRun {
  const { type: kind, name, parameters = {}, user_context = {}, request_headers: requestHeaders } = body;
  const caller = { ...toCaller(user_context), ...(requestHeaders && { requestHeaders }) };
  return { kind, name, parameters, context: { caller, signal, skipOutputValidation: body.skip_output_validation } };
}
