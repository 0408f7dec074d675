import type { ContentBlock as McpBlock, PromptMessage as McpMessage } from '@modelcontextprotocol/server';
import type { PromptMessage } from '../endpoints/index.js';
import type { ContentBlock, KeptLink, ShapedResult } from '../values/index.js';
import { jsonStringPieces, noteBlocks, type ResultSplices, SPLICE_FROM_BYTES } from './results.js';

/** The revisions of MCP in which a kind of block was new. Names of revisions are dates, so they compare as texts. */
const FIRST_WITH_AUDIO = '2025-03-26';
const FIRST_WITH_LINKS = '2025-06-18';

type Content = Extract<ShapedResult, { readonly shape: 'content' }>;

export interface Receiver {
  readonly splices: ResultSplices;
  /** Undefined where nothing says it. */
  readonly revision: string | undefined;
}

/**
 * Blocks as a client of this revision knows them: an older one refuses a whole answer for a kind that it does not know. Without
 * a revision, the client is taken for a current one. A note follows the blocks of a list that is not whole.
 */
export function toContentBlocks(content: Content, { splices, revision }: Receiver): McpBlock[] {
  const blocks = content.blocks.map((block, index) => withSplices(toRevision(block, revision, index), splices));
  return [...blocks, ...noteBlocks(content)];
}

/** Links to a whole list that was kept. */
export function toLinks({ uri, rows }: KeptLink, receiver: Receiver): McpBlock[] {
  const links = [
    { uri, mimeType: 'application/json', description: `All ${rows} rows, in pages` },
    { uri: `${uri}.csv`, mimeType: 'text/csv', description: `All ${rows} rows` },
    { uri: `${uri}.parquet`, mimeType: 'application/vnd.apache.parquet', description: `All ${rows} rows` },
  ];
  const blocks = links.map((link) => ({ type: 'resource_link' as const, name: 'the whole result', ...link }));
  return blocks.map((block, index) => withSplices(toRevision(block, receiver.revision, index), receiver.splices));
}

/** The messages of a prompt. */
export function toMcpMessages(messages: readonly PromptMessage[], { splices, revision }: Receiver): McpMessage[] {
  return messages.map(({ role, content }, index) => ({
    role,
    content: withSplices(toRevision(content, revision, index), splices),
  }));
}

function toRevision(block: ContentBlock, revision: string | undefined, index: number): ContentBlock {
  if (revision === undefined) return block;
  const { annotations } = block;
  if (block.type === 'resource_link' && revision < FIRST_WITH_LINKS) {
    const { name, uri, description } = block;
    const text = [name === uri ? uri : `${name}: ${uri}`, description].filter((each) => each !== undefined).join('\n');
    return { type: 'text', text, annotations };
  }
  if (block.type === 'audio' && revision < FIRST_WITH_AUDIO) {
    const { mimeType, data: blob } = block;
    return { type: 'resource', resource: { uri: `mxcp://content/${index}`, mimeType, blob }, annotations };
  }
  return block;
}

/** What is long is written piece by piece, and the SDK gets a placeholder for it. */
function withSplices(block: ContentBlock, splices: ResultSplices): McpBlock {
  const short = (text: string): string =>
    text.length < SPLICE_FROM_BYTES ? text : splices.addString(() => jsonStringPieces([text]));
  switch (block.type) {
    case 'text':
      return { ...block, text: short(block.text) };
    case 'image':
    case 'audio':
      return { ...block, data: short(block.data) };
    case 'resource_link':
      return block;
    case 'resource': {
      const { resource } = block;
      const content = 'blob' in resource ? { blob: short(resource.blob) } : { text: short(resource.text) };
      return { ...block, resource: { ...resource, ...content } };
    }
  }
}
