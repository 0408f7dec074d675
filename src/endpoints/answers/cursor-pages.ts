import { parseOrdered } from '../../duckdb/index.js';
import { MxcpError } from '../../errors/index.js';
import { digestOf } from '../../questions/index.js';
import { type CallArguments, type ListLimits, type ShapedResult, ValueCollector } from '../../values/index.js';
import type { Callable } from '../callable/endpoint-set.js';
import { requestPartsOf, rightsOf } from './caller-rights.js';
import type { ContinuedCall, CursorPlace, KeptResults } from './kept-results.js';
import type { RunningCall } from '../running/running-call.js';
import { rowsFrom } from './kept-rows.js';

interface CursorServices {
  /** Undefined where nothing is kept. */
  readonly kept: KeptResults | undefined;
  readonly limits: ListLimits | undefined;
  readonly maxResultBytes: number;
}

/**
 * What a cursor may continue: a call with the same arguments by a caller with the same rights, while the endpoint and what protects its data are the same. So a
 * page never shows what the same call would not show now.
 */
export function toContinued(
  { digest, policies, source }: Callable,
  { values }: CallArguments,
  { context: { caller }, generation }: Pick<RunningCall, 'context' | 'generation'>,
): ContinuedCall {
  const { cursor: _cursor, limit: _limit, ...others } = values;
  const { tables, unfiltered } = generation.config?.protection ?? {};
  const rules = policies?.rules.map(({ name, condition, action, fields, isEnforced }) => {
    return [name, condition.text, action, fields, isEnforced];
  });
  const sql = source.language === 'sql' ? source.sql?.text : undefined;
  const texts = [sql, ...(tables ?? []).flatMap(({ rows, masks }) => [rows, ...masks.map((mask) => mask.expression)])];
  const seen = [rightsOf(caller), caller.scopes.toSorted(), requestPartsOf(texts.join('\n'), caller)];
  return { arguments: digestOf(others), rules: digestOf([digest(), rules, tables, unfiltered, seen]) };
}

/** Answers with the rows that were kept behind a cursor; nothing runs. Throws `params_invalid`, `output_invalid`, `result_too_large`. */
export async function readCursorPage(
  callable: Callable,
  callArguments: CallArguments,
  call: RunningCall,
  { kept, limits, maxResultBytes }: CursorServices,
): Promise<ShapedResult> {
  const { endpoint } = callable;
  const refuse = (reason: string): MxcpError =>
    new MxcpError('params_invalid', `invalid arguments for ${endpoint}: "cursor" ${reason}`);
  const cursor = String(callArguments.values['cursor']);
  const place = kept?.find(cursor, { endpoint, caller: call.context.caller });
  if (place === undefined) throw refuse(UNKNOWN);
  const continued = toContinued(callable, callArguments, call);
  if (place.continues.rules !== continued.rules) throw refuse(OUTDATED);
  if (place.continues.arguments !== continued.arguments) throw refuse(OF_OTHERS);
  try {
    return await readRows(place, callable, { limits, maxResultBytes, call });
  } catch (error) {
    // The file may be closed while it is read.
    if (kept?.find(cursor, { endpoint, caller: call.context.caller }) === undefined) throw refuse(UNKNOWN);
    throw error;
  }
}

const UNKNOWN =
  'is unknown or has expired: one lasts 15 minutes, until the server restarts; leave it out to begin with the first rows';
const OUTDATED =
  'is from before the tool or the rights of its caller changed; leave it out to begin with the first rows';
const OF_OTHERS =
  'belongs to a call with other arguments; send the same ones, or leave it out to begin with the first rows';

async function readRows(
  { offset, file, cursorTo }: CursorPlace,
  { endpoint, returns, checks, policies }: Callable,
  { limits, maxResultBytes, call }: Omit<CursorServices, 'kept'> & { readonly call: RunningCall },
): Promise<ShapedResult> {
  const { maxRows = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = limits ?? {};
  const part = { offset, maxRows, maxBytes: Math.min(maxBytes, maxResultBytes), argument: 'cursor' } as const;
  // Rows that policies have changed were checked before, and need not fit the declared type any more.
  const isChecked = policies?.hasOutputRules !== true && call.context.skipOutputValidation !== true;
  const options = { endpoint, returns, checks: isChecked ? checks : undefined, maxResultBytes, limits: part };
  const collector = new ValueCollector(options);
  collector.onShape('list', file.isWhole ? file.rows : undefined);
  for await (const text of rowsFrom(file, offset)) {
    // The first row beyond the page shows that there are more.
    const isLast = !collector.takesMore;
    collector.onItem(parseOrdered(text), text);
    if (isLast) break;
  }
  const page = collector.finish();
  if (page.shape !== 'array') return page;
  const { leftOut } = page;
  if (leftOut !== undefined) return { ...page, leftOut: { ...leftOut, cursor: cursorTo(leftOut.nextOffset) } };
  const rest = { because: 'bytes', offset, nextOffset: file.rows, total: undefined, argument: 'cursor' } as const;
  return file.isWhole ? page : { ...page, leftOut: rest };
}
