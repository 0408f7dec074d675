import { type JsonObject, type JsonValue, parseOrdered } from '../duckdb/index.js';
import { EventLoopBudget } from '../lifecycle/index.js';
import { describeBlock } from './content-blocks.js';
import { type JsonResult, type ShapedResult, TextCollector } from './results.js';

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
  const { isTruncated } = result;
  const text = () => ({
    texts: texts.toTexts(),
    bytes: texts.bytes,
    ...(isTruncated !== undefined && { isTruncated }),
  });
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
  return { shape: 'array', items: result.items === null ? null : kept, ...text() };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
