import type { CacheRule, DeclaredCache, ResolvedConfig } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import {
  type ContentBlock,
  isBinaryType,
  jsonListPieces,
  type LeftOut,
  type ShapedResult,
  toBase64,
} from '../../values/index.js';
import type { Callable } from './endpoint-set.js';

export interface ResourceText {
  readonly uri: string;
  readonly mimeType: string;
  /** Pieces of the text, to be concatenated; large results come in many. */
  readonly texts: Iterable<string>;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Whether the text is bytes in base 64. */
  readonly isBinary: boolean;
  /** How long a client may keep it, and whether it is the same for everyone; undefined when it may not be kept. */
  readonly cache?: CacheRule | undefined;
  /** Of a list that is not whole, with the number of its items. */
  readonly shortened?: { readonly returned: number; readonly leftOut: LeftOut } | undefined;
}

/** The result of a resource as the one text that its clients read. Throws `output_invalid`. */
export function toResourceText(uri: string, mimeType: string, result: ShapedResult): ResourceText {
  if (result.shape === 'content') return toOneContent(uri, mimeType, result.blocks);
  if (result.shape === 'scalar' && typeof result.value === 'string' && isBinaryType(mimeType)) {
    const binary = toBase64(result.value, mimeType);
    return { uri, mimeType, texts: [binary], bytes: binary.length, isBinary: true };
  }
  const texts = result.shape === 'array' ? { [Symbol.iterator]: () => jsonListPieces(result.texts) } : result.texts;
  const text = { uri, mimeType, texts, bytes: result.bytes, isBinary: false };
  if (result.shape !== 'array' || result.leftOut === undefined) return text;
  return { ...text, shortened: { returned: result.texts.length, leftOut: result.leftOut } };
}

/** A function may say itself of which type its content is. */
function toOneContent(uri: string, declaredType: string, blocks: readonly ContentBlock[]): ResourceText {
  const [block] = blocks;
  if (block === undefined || blocks.length > 1 || block.type === 'resource_link')
    throw new MxcpError(
      'output_invalid',
      `resource ${uri} must return one image, recording, document or text, but its function returned ${
        blocks.length === 1 ? 'a link' : `${blocks.length} parts of content`
      }`,
    );
  const toResource = (text: string, isBinary: boolean, mimeType = declaredType): ResourceText => {
    return { uri, mimeType, texts: [text], bytes: Buffer.byteLength(text), isBinary };
  };
  if (block.type === 'text') return toResource(block.text, false);
  if (block.type !== 'resource') return toResource(block.data, true, block.mimeType);
  const { resource } = block;
  return 'blob' in resource
    ? toResource(resource.blob, true, resource.mimeType)
    : toResource(resource.text, false, resource.mimeType);
}

/** What makes answers differ between callers, beside the endpoints. */
export type SharedConfig = Partial<Pick<ResolvedConfig, 'auth' | 'protection'>>;

/** Only what every caller gets is public, whatever the endpoint file says. */
export function toCacheHint(
  { cache, policies, scopes }: { readonly cache: DeclaredCache | undefined } & Pick<Callable, 'policies' | 'scopes'>,
  { auth, protection }: SharedConfig = {},
): ResourceText['cache'] {
  if (cache === undefined) return undefined;
  const isProtected = policies !== undefined || scopes.length > 0 || auth !== undefined;
  const hasRowRules = protection !== undefined && protection.tables.length > 0;
  return { ttlMs: cache.ttlMs, scope: isProtected || hasRowRules ? 'private' : (cache.scope ?? 'private') };
}
