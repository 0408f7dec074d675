import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { Caller } from '../../caller/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { jsonListPieces, type LeftOut, type RowKeeper, type ShapedResult } from '../../values/index.js';
import { notFound } from '../running/call-failures.js';
import { rightsOf } from './caller-rights.js';
import { Conversions, type FileFormat } from './conversions.js';
import { openUnnamed, type RowFile, rowsFrom, RowWriter } from './kept-rows.js';
import type { ResourceText } from '../callable/resource-text.js';

const LIFETIME_MS = 15 * 60_000;
const MAX_RESULTS = 100;
const MAX_BYTES = 1024 * 1024 * 1024;
const PAGE_ROWS = 1000;
const PAGE_BYTES = 100 * 1024;

const URI = /^mxcp:\/\/results\/([0-9a-f-]{36})(?:\.(csv|parquet)|\?offset=(\d{1,15}))?$/;
const MIME_TYPES = { csv: 'text/csv', parquet: 'application/vnd.apache.parquet' } as const;

interface KeptResult extends Pick<KeptCall, 'endpoint' | 'group' | 'scopes' | 'isLinked'> {
  readonly file: RowFile;
  readonly owner: string;
  /** Of the caller, for whom the rows were read. */
  readonly rights: string;
  /** Undefined if no cursor leads to it. */
  readonly continues: ContinuedCall | undefined;
  readonly timer: NodeJS.Timeout;
  /** Ends with the last conversion that has begun or waits. They name the file by its descriptor, whose number is reused once it is closed. */
  conversions: Promise<unknown>;
}

/** Which call a cursor continues, as hashes: the arguments of its caller, and everything else that decides what it shows. */
export interface ContinuedCall {
  readonly arguments: string;
  readonly rules: string;
}

/** A call whose rows are kept. */
export interface KeptCall {
  /** Names the endpoint in errors. */
  readonly endpoint: string;
  readonly caller: Caller;
  /** The group through which the call came: the links in its answer work only there and where all endpoints are. */
  readonly group?: string | undefined;
  /** What the token of a caller must have. */
  readonly scopes: readonly string[];
  /** Whether the answer links to resources with all rows. */
  readonly isLinked: boolean;
  /** Says what a cursor continues; absent if there are none. */
  readonly continues?: (() => ContinuedCall) | undefined;
}

/** The kept rows that a cursor leads to. */
export interface CursorPlace {
  readonly continues: ContinuedCall;
  readonly offset: number;
  readonly file: RowFile;
  /** Leads to the row of this number. */
  readonly cursorTo: (offset: number) => string;
}

/** A call that reads what was kept. */
export interface Reader {
  readonly caller: Caller;
  readonly group?: string | undefined;
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined;
}

export interface KeptResultsOptions {
  /** The path of the database, beside which the files are. */
  readonly databasePath: () => string;
  readonly maxResultBytes: number;
  /** Learns why a result could not be kept. Its call is answered without a link. */
  readonly onFailure: (error: unknown) => void;
  readonly lifetimeMs?: number;
}

/**
 * Whole results of calls whose answers were shortened, for the caller of each call. They belong to the process, so a reload keeps them.
 * Their files have no name: the kernel frees them when the process ends, in whichever way.
 */
export class KeptResults implements Disposable {
  readonly #options: KeptResultsOptions;
  /** By id, the oldest first. */
  readonly #results = new Map<string, KeptResult>();
  #bytes = 0;
  readonly #conversions = new Conversions();
  /** Files of removed results. */
  readonly #closing = new Set<Promise<void>>();

  constructor(options: KeptResultsOptions) {
    this.#options = options;
  }

  /** Collects the rows of one call. */
  keeperFor(call: KeptCall): RowKeeper {
    const { databasePath, onFailure } = this.#options;
    const writer = new RowWriter(() => openUnnamed(dirname(databasePath())));
    const keep = async (leftOut: LeftOut): Promise<LeftOut> => {
      try {
        const file = await writer.end();
        // A part of a result is no resource.
        if (file.isWhole || call.continues !== undefined) return await this.#keep(file, call, leftOut);
      } catch (error) {
        onFailure(error);
      }
      await writer.discard();
      return leftOut;
    };
    return { add: (text) => writer.add(text), takesMore: () => !writer.isFull, keep, discard: () => writer.discard() };
  }

  async #keep(file: RowFile, call: KeptCall, leftOut: LeftOut): Promise<LeftOut> {
    const { lifetimeMs = LIFETIME_MS } = this.#options;
    const { endpoint, caller, group, scopes } = call;
    const id = randomUUID();
    const timer = setTimeout(() => this.#remove(id), lifetimeMs).unref();
    const isLinked = call.isLinked && file.isWhole;
    const continues = call.continues?.();
    const place = { endpoint, group, scopes: [...scopes, ...caller.scopes] };
    const of = { owner: ownerOf(caller), rights: rightsOf(caller) };
    this.#results.set(id, { ...place, ...of, file, isLinked, continues, timer, conversions: Promise.resolve() });
    this.#bytes += file.bytes;
    this.#makeRoom();
    const { rows, isWhole } = file;
    const until = new Date(Date.now() + lifetimeMs);
    return {
      ...leftOut,
      ...(isWhole && { total: rows }),
      ...(isLinked && { kept: { uri: `mxcp://results/${id}`, rows, until } }),
      ...(continues !== undefined && { cursor: toCursor(id, leftOut.nextOffset) }),
    };
  }

  /** Undefined for a cursor that is unknown, has expired, or is another endpoint's or caller's. */
  find(cursor: string, { endpoint, caller }: Pick<KeptCall, 'endpoint' | 'caller'>): CursorPlace | undefined {
    const { id = '', offset = 0 } = parseCursor(cursor) ?? {};
    const kept = this.#results.get(id);
    if (kept?.continues === undefined || kept.endpoint !== endpoint || kept.owner !== ownerOf(caller)) return undefined;
    const { continues, file } = kept;
    if (offset >= file.rows) return undefined;
    return { continues, offset, file, cursorTo: (next) => toCursor(id, next) };
  }

  /**
   * Undefined for a URI of another kind. Throws `endpoint_not_found` for what is unknown, has expired or is another caller's, and what
   * `Conversions` throws.
   */
  async read(uri: string, { caller, group, signal }: Reader): Promise<ResourceText | undefined> {
    const [, id, format, offset = '0'] = URI.exec(uri) ?? [];
    if (id === undefined) return undefined;
    const result = this.#results.get(id);
    const isHere = group === undefined || result?.group === group;
    if (result === undefined || !isHere || !mayRead(result, caller))
      throw notFound({ kind: 'resource', name: uri }, []);
    if (format === 'csv' || format === 'parquet') return this.#convert(uri, result, { format, signal });
    return readPage(uri, result, Number(offset));
  }

  async dispose(): Promise<void> {
    for (const id of this.#results.keys()) this.#remove(id);
    await Promise.all(this.#closing);
    await this.#conversions.dispose();
  }

  #makeRoom(): void {
    for (const id of this.#results.keys()) {
      if (this.#results.size <= MAX_RESULTS && this.#bytes <= MAX_BYTES) return;
      this.#remove(id);
    }
  }

  #remove(id: string): void {
    const result = this.#results.get(id);
    if (result === undefined) return;
    clearTimeout(result.timer);
    this.#results.delete(id);
    this.#bytes -= result.file.bytes;
    // A page that is being read fails then.
    const closing = result.conversions
      .then(() => result.file.file.close())
      .catch(this.#options.onFailure)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #convert(
    uri: string,
    result: KeptResult,
    wanted: Pick<Reader, 'signal'> & { readonly format: FileFormat },
  ): Promise<ResourceText> {
    const { file, endpoint } = result;
    const { maxResultBytes: maxBytes } = this.#options;
    const converted = this.#conversions.run({ ...wanted, file: file.file, endpoint, maxBytes });
    result.conversions = Promise.allSettled([result.conversions, converted]);
    const bytes = await converted;
    const { format } = wanted;
    const isBinary = format === 'parquet';
    const text = bytes.toString(isBinary ? 'base64' : 'utf8');
    return { uri, mimeType: MIME_TYPES[format], texts: [text], bytes: Buffer.byteLength(text), isBinary };
  }
}

/** The result with what leads to the rows that it lacks. */
export async function withLink(result: ShapedResult, keeper: RowKeeper): Promise<ShapedResult> {
  if (result.shape === 'array' && result.leftOut !== undefined)
    return { ...result, leftOut: await keeper.keep(result.leftOut) };
  await keeper.discard();
  return result;
}

/** The same user may have other rights than those that the rows were read with, and a token with fewer scopes. */
function mayRead({ isLinked, owner, rights, scopes }: KeptResult, caller: Caller): boolean {
  if (!isLinked || owner !== ownerOf(caller) || rights !== rightsOf(caller)) return false;
  return scopes.every((scope) => caller.scopes.includes(scope));
}

/** Short, because a model reads and repeats it. */
function toCursor(id: string, offset: number): string {
  return `${Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')}${offset.toString(36)}`;
}

const CURSOR = /^([\w-]{22})([\da-z]{1,8})$/;

function parseCursor(cursor: string): { readonly id: string; readonly offset: number } | undefined {
  const [, id = '', offset] = CURSOR.exec(cursor) ?? [];
  if (offset === undefined) return undefined;
  const hex = Buffer.from(id, 'base64url').toString('hex');
  return { id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), offset: Number.parseInt(offset, 36) };
}

/** Without authentication, all callers are the same one, and only the id protects a result. */
function ownerOf({ provider, userId, username }: Caller): string {
  return JSON.stringify([provider, userId, username]);
}

async function readPage(uri: string, kept: KeptResult, offset: number): Promise<ResourceText> {
  const texts: string[] = [];
  let bytes = 0;
  for await (const line of rowsFrom(kept.file, offset)) {
    bytes += Buffer.byteLength(line);
    if (texts.length > 0 && (texts.length === PAGE_ROWS || bytes > PAGE_BYTES)) break;
    texts.push(line);
  }
  const { rows } = kept.file;
  const page = { uri, mimeType: 'application/json', texts: jsonListPieces(texts), bytes, isBinary: false };
  const nextOffset = offset + texts.length;
  if (nextOffset >= rows) return page;
  const leftOut = { because: 'rows', offset, nextOffset, total: rows, argument: 'offset' } as const;
  return { ...page, shortened: { returned: texts.length, leftOut } };
}
