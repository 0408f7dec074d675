import {
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type JSONRPCRequest,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';

type RequestHandler = (request: JSONRPCRequest, context: ServerContext) => Promise<Result>;

/**
 * Refuses parameters that do not fit their method as such (`-32602`), in words. The SDK itself throws the report of its
 * schema library, for most methods without a code, which a client gets as a failure of the server (2.4.0).
 */
export class CheckedServer extends Server {
  protected override _wrapHandler(method: string, handler: RequestHandler): RequestHandler {
    const wrapped = super._wrapHandler(method, handler);
    return async (request, context) => {
      try {
        return await wrapped(request, context);
      } catch (error) {
        throw toParamsError(error) ?? error;
      }
    };
  }
}

function toParamsError(error: unknown): ProtocolError | undefined {
  if (!(error instanceof Error)) return undefined;
  const isUncoded = !(error instanceof ProtocolError);
  const report = isUncoded ? error.message : /^Invalid tools\/call request: (.*)$/s.exec(error.message)?.[1];
  const issues = report === undefined ? undefined : parseIssues(report);
  return issues && new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params: ${issues.join('; ')}`);
}

/** Undefined for what is no report of the schema library. */
function parseIssues(report: string): readonly string[] | undefined {
  try {
    const issues: unknown = JSON.parse(report);
    const texts = Array.isArray(issues) ? issues.flatMap(toIssueText) : [];
    return texts.length === 0 ? undefined : texts;
  } catch {
    // Some other error, in words of its own.
    return undefined;
  }
}

function toIssueText(issue: unknown): readonly string[] {
  if (typeof issue !== 'object' || issue === null || !('path' in issue) || !('message' in issue)) return [];
  if (!Array.isArray(issue.path)) return [];
  const [, ...path] = issue.path.map(String);
  return [`${path.join('.')}: ${String(issue.message).replace(/^Invalid \w+: /, '')}`];
}
