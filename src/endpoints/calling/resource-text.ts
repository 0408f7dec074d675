import { MxcpError } from '../../errors/index.js';
import { type ContentBlock, isBinaryType, jsonListPieces, type ShapedResult, toBase64 } from '../../values/index.js';

export interface ResourceText {
  readonly uri: string;
  readonly mimeType: string;
  /** Pieces of the text, to be concatenated; large results come in many. */
  readonly texts: Iterable<string>;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Whether the text is bytes in base 64. */
  readonly isBinary: boolean;
}

/** The result of a resource as the one text that its clients read. Throws `output_invalid`. */
export function toResourceText(uri: string, mimeType: string, result: ShapedResult): ResourceText {
  if (result.shape === 'content') return toOneContent(uri, mimeType, result.blocks);
  if (result.shape === 'scalar' && typeof result.value === 'string' && isBinaryType(mimeType)) {
    const binary = toBase64(result.value, mimeType);
    return { uri, mimeType, texts: [binary], bytes: binary.length, isBinary: true };
  }
  const texts = result.shape === 'array' ? { [Symbol.iterator]: () => jsonListPieces(result.texts) } : result.texts;
  return { uri, mimeType, texts, bytes: result.bytes, isBinary: false };
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
