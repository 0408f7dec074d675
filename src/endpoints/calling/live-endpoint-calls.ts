import { type ErrorCode, MxcpError, nearSuggestion, toMxcpError } from '../../errors/index.js';
import type { ActiveGeneration, CallGate, Lease } from '../../lifecycle/index.js';
import type { Renderers } from '../../prompts/index.js';
import type { CallArguments, ShapedResult } from '../../values/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import type {
  CallContext,
  EndpointCalls,
  PromptListing,
  PromptMessage,
  ResourceListing,
  ResourceText,
  ToolListing,
} from './endpoint-calls.js';
import type { Callable, EndpointSet } from './endpoint-set.js';
import { CallDeadline, type RunningCall, runWork, type WorkContents } from './run-work.js';

/** What a generation must hold for its endpoints to be called. */
export interface CallableGeneration extends WorkContents {
  readonly endpoints: EndpointSet;
}

/** One call that has ended, for logs and metrics. */
export interface CallReport {
  readonly kind: EndpointKind;
  /** The name or URI as it was asked for. */
  readonly name: string;
  readonly outcome: 'success' | ErrorCode;
  readonly durationMs: number;
}

type CallTarget = Pick<CallReport, 'kind' | 'name'>;

export interface LiveEndpointCallsOptions {
  readonly gate: CallGate;
  /** Whoever gives them disposes them, after the last call. */
  readonly renderers: Renderers;
  readonly callTimeoutMs: number;
  readonly maxResultBytes: number;
  /** For `mxcp run --skip-output-validation`. */
  readonly skipOutputValidation?: boolean | undefined;
  /** Called after each call. Must not throw. */
  readonly onCall?: ((report: CallReport) => void) | undefined;
}

/** Calls endpoints of the generation that serves when a call arrives, and holds it until the call has ended. */
export class LiveEndpointCalls implements EndpointCalls {
  readonly #generations: ActiveGeneration<CallableGeneration>;
  readonly #options: LiveEndpointCallsOptions;
  #activeCalls = 0;

  constructor(generations: ActiveGeneration<CallableGeneration>, options: LiveEndpointCallsOptions) {
    this.#generations = generations;
    this.#options = options;
  }

  /** Calls that have arrived and not ended, waiting ones included. */
  get activeCalls(): number {
    return this.#activeCalls;
  }

  listTools(): readonly ToolListing[] {
    return this.#generations.current.contents.endpoints.tools;
  }

  listResources(): readonly ResourceListing[] {
    return this.#generations.current.contents.endpoints.resources;
  }

  listPrompts(): readonly PromptListing[] {
    return this.#generations.current.contents.endpoints.prompts;
  }

  callTool(
    name: string,
    parameters: Readonly<Record<string, unknown>>,
    context: CallContext,
  ): Promise<ShapedResult> {
    return this.#perform({ kind: 'tool', name }, context, async (call) => {
      const { endpoints } = call.generation;
      const tool = endpoints.tool(name);
      if (tool === undefined)
        throw notFound(
          { kind: 'tool', name },
          endpoints.tools.map((listing) => listing.name),
        );
      return this.#answer(tool, tool.arguments.read(parameters), call);
    });
  }

  readResource(uri: string, context: CallContext): Promise<ResourceText> {
    return this.#perform({ kind: 'resource', name: uri }, context, async (call) => {
      const { endpoints } = call.generation;
      const match = endpoints.resource(uri);
      if (match === undefined)
        throw notFound(
          { kind: 'resource', name: uri },
          endpoints.resources.map((listing) => listing.uri),
        );
      const { resource, values } = match;
      const result = await this.#answer(resource, resource.arguments.read(values), call);
      return { uri, mimeType: resource.mimeType, ...toContent(result, resource.mimeType) };
    });
  }

  getPrompt(
    name: string,
    parameters: Readonly<Record<string, unknown>>,
    context: CallContext,
  ): Promise<readonly PromptMessage[]> {
    return this.#perform({ kind: 'prompt', name }, context, async ({ generation, deadline: { signal } }) => {
      const { maxResultBytes, renderers } = this.#options;
      const prompt = generation.endpoints.prompt(name);
      if (prompt === undefined)
        throw notFound(
          { kind: 'prompt', name },
          generation.endpoints.prompts.map((listing) => listing.name),
        );
      const { values } = prompt.arguments.read(parameters);
      return prompt.renderer.render(values, { maxResultBytes, renderers, signal });
    });
  }

  /** Waits for its turn, then runs what the endpoint is written in. */
  async #answer(
    callable: Callable,
    callArguments: CallArguments,
    call: RunningCall<CallableGeneration>,
  ): Promise<ShapedResult> {
    const { gate, maxResultBytes, skipOutputValidation } = this.#options;
    const { label: endpoint, returns, work } = callable;
    const checks = skipOutputValidation === true ? undefined : callable.checks;
    const release = await gate.acquire(endpoint, call.deadline.signal);
    try {
      const result = { endpoint, returns, checks, maxResultBytes };
      return await runWork({ work, callArguments, result }, call);
    } finally {
      release();
    }
  }

  /** The frame of every call: lease, deadline, error, report; all of it ended in the reverse order. */
  async #perform<T>(
    target: CallTarget,
    context: CallContext,
    run: (call: RunningCall<CallableGeneration>) => Promise<T>,
  ): Promise<T> {
    const deadline = new CallDeadline(context.signal, this.#options.callTimeoutMs);
    const holder = { label: endpointLabel(target.kind, target.name), interrupt: () => deadline.interrupt() };
    const startedAt = performance.now();
    let outcome: CallReport['outcome'] = 'success';
    let lease: Lease<CallableGeneration> | undefined;
    this.#activeCalls += 1;
    try {
      lease = await this.#generations.acquire(holder, deadline.signal);
      return await run({ generation: lease.contents, context, deadline });
    } catch (error) {
      const failure = this.#toFailure(error, deadline, target);
      outcome = failure.code;
      throw failure;
    } finally {
      this.#activeCalls -= 1;
      deadline.dispose();
      lease?.release();
      this.#options.onCall?.({ ...target, outcome, durationMs: performance.now() - startedAt });
    }
  }

  /** Work that was interrupted does not know why; the deadline does. */
  #toFailure(error: unknown, deadline: CallDeadline, target: CallTarget): MxcpError {
    const isInterruption =
      error === deadline.signal.reason || (error instanceof MxcpError && error.code === 'query_interrupted');
    if (!deadline.signal.aborted || !isInterruption) return toMxcpError(error);
    const what = `the call of ${endpointLabel(target.kind, target.name)}`;
    if (deadline.isInterrupted)
      return new MxcpError('query_interrupted', `${what} was ended by a forced reload; call again`, {
        cause: error,
      });
    if (!deadline.hasExpired)
      return new MxcpError('query_interrupted', `${what} was cancelled`, { cause: error });
    const limit = `${this.#options.callTimeoutMs / 1000} s`;
    return new MxcpError(
      'call_timeout',
      `${what} took longer than ${limit}, waiting included, and was ended; raise --call-timeout if it needs more`,
      {
        cause: error,
      },
    );
  }
}

function notFound({ kind, name }: CallTarget, known: readonly string[]): MxcpError {
  const what = endpointLabel(kind, name);
  return new MxcpError('endpoint_not_found', `there is no ${what}${nearSuggestion(name, known)}`);
}

function toContent(
  result: ShapedResult,
  mimeType: string,
): Pick<ResourceText, 'texts' | 'bytes' | 'isBinary'> {
  const binary = toBinaryContent(result, mimeType);
  if (binary !== undefined) return { texts: [binary], bytes: binary.length, isBinary: true };
  const texts = result.shape === 'array' ? toJsonList(result.texts) : result.texts;
  return { texts, bytes: result.bytes, isBinary: false };
}

/** The pieces of a JSON array whose items are already text. */
function toJsonList(texts: Iterable<string>): Iterable<string> {
  return {
    *[Symbol.iterator]() {
      let separator = '[';
      for (const text of texts) {
        yield separator;
        yield text;
        separator = ',';
      }
      yield separator === '[' ? '[]' : ']';
    },
  };
}

/** Types whose content is no text. Of all others, people and models read the text. */
const BINARY_TYPES =
  /^(?:audio|font|image|video)\/(?!svg\+xml)|^application\/(?:epub\+zip|gzip|msword|octet-stream|pdf|wasm|zip|x-(?:7z-compressed|bzip2|sqlite3|tar)|vnd\.(?:apache\.(?:arrow|parquet)|ms-|openxmlformats-))/i;
/**
 * The bytes of a resource in base 64, when its type is a binary one and its result a single text. Bytes arrive as text where
 * they are UTF-8, else in base 64 already, as a function may write them itself. No file of these types consists of the letters
 * of base 64 alone, so that the two cannot be mistaken. Undefined when the result is to be read as text.
 */
export function toBinaryContent(result: ShapedResult, mimeType: string): string | undefined {
  if (result.shape !== 'scalar' || typeof result.value !== 'string' || !BINARY_TYPES.test(mimeType))
    return undefined;
  const { value } = result;
  return isBase64(value) ? value : Buffer.from(value).toString('base64');
}

/** No expression for the whole: over a text of megabytes it would need more stack than there is. */
function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}
