import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import type { JsonValue } from '../duckdb/index.js';
import type { ResourceText } from '../endpoints/index.js';
import { type MxcpError, toMxcpError } from '../errors/index.js';
import type { Logger, Scrubber } from '../logging/index.js';
import type { ShapedResult } from '../values/index.js';
import { jsonArrayPieces, jsonPieces, jsonStringPieces, type ResultSplices } from './result-splices.js';

/** Where errors of calls go besides the client, and the net that what the client sees passes through. */
export interface FailureOutput {
  readonly logger: Logger;
  readonly scrubber: Scrubber;
}

/**
 * Results from this size on, and lists of which only the texts were kept, are written by the splicing writer; below, the
 * SDK's way is faster, which checks every block of a result against its schema.
 */
const SPLICE_FROM_BYTES = 64 * 1024;

/**
 * An object is one text block and itself; an array one text block per item; what is not an object is under `result`. A
 * block is read by people and models: an item that is a text is its own text there.
 */
export function toToolResult(result: ShapedResult, splices: ResultSplices): CallToolResult {
  const structuredContent = result.bytes >= SPLICE_FROM_BYTES ? null : toStructuredContent(result);
  if (structuredContent === null) return toSplicedResult(result, splices);
  const toBlockText = result.shape === 'array' ? itemText : (text: string): string => text;
  return {
    content: Array.from(result.texts, (text) => ({ type: 'text', text: toBlockText(text) })),
    structuredContent,
  };
}

/** The JSON of a text begins with a quote, and no other JSON does. */
function itemText(json: string): string {
  return json.startsWith('"') ? String(JSON.parse(json)) : json;
}

/** Null when only the text is there. */
function toStructuredContent(result: ShapedResult): Record<string, unknown> | null {
  switch (result.shape) {
    case 'object':
      return result.value;
    case 'scalar':
      return { result: result.value };
    case 'array':
      return result.items === null ? null : { result: result.items };
  }
}

function toSplicedResult(result: ShapedResult, splices: ResultSplices): CallToolResult {
  const content = splices.addObject(() => textBlockPieces(result));
  const structured = splices.addObject(() => structuredPieces(result));
  return { content: [{ type: 'text', text: content }], structuredContent: { [structured]: true } };
}

/** The elements of `content`, without its brackets. */
function* textBlockPieces({ shape, texts }: ShapedResult): Generator<string> {
  let opening = '{"type":"text","text":';
  for (const text of texts) {
    yield opening;
    if (shape === 'array' && text.startsWith('"')) yield* jsonPieces(text);
    else yield* jsonStringPieces([text]);
    opening = '},{"type":"text","text":';
  }
  yield '}';
}

function* structuredPieces(result: ShapedResult): Generator<string> {
  if (result.shape === 'object') {
    for (const text of result.texts) yield* jsonPieces(text);
    return;
  }
  yield '{"result":';
  yield* result.shape === 'array' ? jsonArrayPieces(result.texts) : scalarPieces(result.value);
  yield '}';
}

/** The text of a scalar need not be JSON: that of a string is the string itself. */
function scalarPieces(value: JsonValue): Generator<string> {
  return typeof value === 'string' ? jsonStringPieces([value]) : jsonPieces(JSON.stringify(value));
}

export function toResourceResult(resource: ResourceText, splices: ResultSplices): ReadResourceResult {
  const { uri, mimeType, texts, bytes, isBinary } = resource;
  const isLarge = bytes >= SPLICE_FROM_BYTES;
  const text = isLarge ? splices.addString(() => jsonStringPieces(texts)) : [...texts].join('');
  return { contents: [isBinary ? { uri, mimeType, blob: text } : { uri, mimeType, text }] };
}

/**
 * A failed tool call as the model sees it. A tool that is not served is an error of the protocol (`-32602`), as both
 * eras of the protocol ask for; everything else is a result with `isError`, so that the model can act on the message.
 */
export function toToolFailure(name: string, thrown: unknown, output: FailureOutput): CallToolResult {
  const error = toLoggedError(`tool ${name}`, thrown, output.logger);
  if (error.code === 'endpoint_not_found') {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
  }
  return {
    content: [
      { type: 'text', text: `Error executing tool ${name}: ${output.scrubber.scrub(error.message)}` },
    ],
    isError: true,
  };
}

/** A failed `resources/read`. */
export function toResourceFailure(uri: string, thrown: unknown, output: FailureOutput): ProtocolError {
  const error = toLoggedError(`resource ${uri}`, thrown, output.logger);
  return error.code === 'endpoint_not_found'
    ? new ResourceNotFoundError(uri)
    : toProtocolError(error, output);
}

/** A failed `prompts/get`. */
export function toPromptFailure(name: string, thrown: unknown, output: FailureOutput): ProtocolError {
  const error = toLoggedError(`prompt ${name}`, thrown, output.logger);
  return error.code === 'endpoint_not_found'
    ? new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${name}`)
    : toProtocolError(error, output);
}

/** Only a fault in the arguments is the client's; the rest is ours, whatever it was. */
function toProtocolError(error: MxcpError, { scrubber }: FailureOutput): ProtocolError {
  const code =
    error.code === 'params_invalid' ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
  return new ProtocolError(code, scrubber.scrub(error.message), { code: error.code });
}

/** What is not an error of ours may quote anything: it goes to the log, and the client gets the neutral message. */
function toLoggedError(what: string, thrown: unknown, logger: Logger): MxcpError {
  const error = toMxcpError(thrown);
  if (error.code === 'internal') logger.error({ detail: error.detail }, `${what} failed: internal error`);
  else logger.debug({ code: error.code }, `${what} failed: ${error.message}`);
  return error;
}
