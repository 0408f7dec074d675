import { type JsonObject, type JsonValue, parseOrdered } from '../duckdb/index.js';
import { EventLoopBudget } from '../lifecycle/index.js';
import { describeBlock } from './content-blocks.js';
import { TextCollector } from './results.js';
import type { JsonResult, LeftOut, ListLimits, ShapedResult } from './shaped-result.js';

/** The result as one JSON value, of content what describes it. A long list is read in turns of the event loop. */
export async function toJsonValue(result: ShapedResult): Promise<JsonValue> {
  if (result.shape === 'content') return result.blocks.map(describeBlock);
  if (result.shape !== 'array') return result.value;
  if (result.items !== null) return [...result.items];
  const budget = new EventLoopBudget();
  const items: JsonValue[] = [];
  for (const text of result.texts) {
    items.push(parseOrdered(text));
    await budget.spend();
  }
  return items;
}

/** The result with each item of a list, or anything else as a whole, changed. What becomes undefined is left out. */
export async function changeResult(
  result: JsonResult,
  change: (part: JsonValue) => JsonValue | undefined,
): Promise<JsonResult> {
  const texts = new TextCollector();
  const text = () => ({ texts: texts.toTexts(), bytes: texts.bytes });
  if (result.shape !== 'array') {
    const value = change(result.value) ?? null;
    const isText = typeof value === 'string';
    texts.add(isText ? value : JSON.stringify(value, null, result.shape === 'object' ? 2 : undefined));
    return isObject(value) && result.shape === 'object'
      ? { shape: 'object', value, ...text() }
      : { shape: 'scalar', value, ...text() };
  }
  const budget = new EventLoopBudget();
  const kept: JsonValue[] = [];
  for (const part of result.items ?? result.texts) {
    const item = change(result.items === null ? parseOrdered(String(part)) : part);
    if (item === undefined) continue;
    texts.add(JSON.stringify(item));
    if (result.items !== null) kept.push(item);
    await budget.spend();
  }
  // How many items there are in all would say how many of them are withheld.
  const leftOut = result.leftOut && { ...result.leftOut, total: undefined };
  return { shape: 'array', items: result.items === null ? null : kept, ...text(), ...(leftOut && { leftOut }) };
}

/** The part of a list that fits. A list that is shortened already keeps what is known of the rest. */
export function shorten(result: ShapedResult, limits: ListLimits, least = 1): ShapedResult {
  if (result.shape !== 'array') return result;
  const { offset, maxRows, maxBytes, argument } = limits;
  const texts = new TextCollector();
  const skipped = result.leftOut === undefined ? offset : 0;
  let because: LeftOut['because'] | undefined;
  let index = 0;
  for (const text of result.texts) {
    index += 1;
    if (index <= skipped) continue;
    const isEnough = texts.length >= Math.max(1, least);
    if (isEnough && texts.length >= maxRows) because = 'rows';
    else if (isEnough && texts.bytes + Buffer.byteLength(text) > maxBytes) because = 'bytes';
    if (because !== undefined) break;
    texts.add(text);
  }
  if (because === undefined && skipped === 0) return result;
  const items = result.items?.slice(skipped, skipped + texts.length) ?? null;
  const list = { shape: 'array', items, texts: texts.toTexts(), bytes: texts.bytes } as const;
  if (because === undefined) return list;
  const nextOffset = offset + texts.length;
  const total = result.leftOut === undefined ? result.texts.length : undefined;
  return { ...list, leftOut: { because, offset, nextOffset, total, argument } };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
