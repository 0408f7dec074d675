import { type JsonObject, type JsonValue, parseOrdered, toOrderedObject } from '../duckdb/index.js';
import type { ContentBlock } from './content-blocks.js';
import { ContentCollector } from './content-collector.js';
import { isBinaryType, toBase64 } from './media-types.js';
import type { ResultOptions } from './results.js';
import { MASK } from './sensitive.js';
import type { JsonResult, ShapedResult } from './shaped-result.js';
import type { TypeDefinition } from './type-definition.js';

/** Which parts of a result are content, because their declared type has a `mime_type`. */
export interface DeclaredContent {
  /** Of the whole result, or of each item of a list. */
  readonly whole: TypeDefinition | undefined;
  /** Of the fields of an object, or of each object in a list, by lower-case name: SQL compares names without case. */
  readonly fields: ReadonlyMap<string, TypeDefinition>;
  /** What the URIs of embedded documents begin with. */
  readonly uri: string;
}

/** Undefined for a result without content. */
export function findContent(returns: TypeDefinition | undefined, uri: string): DeclaredContent | undefined {
  const part = returns?.type === 'array' ? returns.items : returns;
  if (part?.mime_type !== undefined) return { whole: part, fields: new Map(), uri };
  const fields = Object.entries(part?.properties ?? {}).filter(([, { mime_type: type }]) => type !== undefined);
  if (fields.length === 0) return undefined;
  return { whole: undefined, fields: new Map(fields.map(([name, type]) => [name.toLowerCase(), type])), uri };
}

/**
 * Turns a result into content blocks: a declared part becomes a block, and what else a row has becomes text before it. Comes after the output
 * policies, which know the fields by name. Throws `result_too_large`.
 */
export function toContent(
  result: ShapedResult,
  { whole, fields, uri }: DeclaredContent,
  options: Pick<ResultOptions, 'endpoint' | 'maxResultBytes'>,
): ShapedResult {
  if (result.shape === 'content') return result;
  const collector = new ContentCollector({ ...options, returns: undefined });
  for (const [place, value] of partsOf(result, uri)) {
    if (whole !== undefined) collector.push(toBlock(value, whole, place));
    else for (const block of toBlocks(value, fields, place)) collector.push(block);
  }
  const leftOut = result.shape === 'array' ? result.leftOut : undefined;
  return { ...collector.finish(), ...(leftOut && { leftOut }) };
}

function* partsOf(result: JsonResult, uri: string): Generator<readonly [string, JsonValue]> {
  if (result.shape !== 'array') return yield [uri, result.value];
  let index = 0;
  for (const text of result.texts) yield [`${uri}/${index++}`, parseOrdered(text)];
}

function* toBlocks(value: JsonValue, fields: DeclaredContent['fields'], uri: string): Generator<ContentBlock> {
  // Only an object has fields; what policies made of it stays text.
  if (!isObject(value)) return yield toText(value);
  const members = Object.entries(value);
  const rest = members.filter(([name]) => !fields.has(name.toLowerCase()));
  if (rest.length > 0) yield toText(toOrderedObject(rest));
  for (const [name, member] of members) {
    const type = fields.get(name.toLowerCase());
    if (type !== undefined && member !== null) yield toBlock(member, type, `${uri}/${encodeURIComponent(name)}`);
  }
}

/** Null and what a policy has masked stay text: they are no content of the type. */
function toBlock(value: JsonValue, { mime_type: mimeType }: TypeDefinition, uri: string): ContentBlock {
  if (mimeType === undefined || typeof value !== 'string' || value === MASK) return toText(value);
  const kind = /^(image|audio)\//i.exec(mimeType)?.[1]?.toLowerCase();
  if (kind === 'image' || kind === 'audio') return { type: kind, mimeType, data: toBase64(value, mimeType) };
  const content = isBinaryType(mimeType) ? { blob: toBase64(value, mimeType) } : { text: value };
  return { type: 'resource', resource: { uri, mimeType, ...content } };
}

function toText(value: JsonValue): ContentBlock {
  return { type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
