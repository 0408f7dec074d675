import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JsonObject } from '../duckdb/index.js';
import { base64Bytes } from './media-types.js';

const annotations = z
  .object({
    audience: z.array(z.enum(['user', 'assistant'])).optional(),
    priority: z.number().min(0).max(1).optional(),
    lastModified: z.string().optional(),
  })
  .optional();

/** In base 64. */
const data = z.string();

const blockSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string(), annotations }),
  z.object({ type: z.literal('image'), mimeType: z.string(), data, annotations }),
  z.object({ type: z.literal('audio'), mimeType: z.string(), data, annotations }),
  z.object({
    type: z.literal('resource_link'),
    uri: z.string(),
    name: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    mimeType: z.string().optional(),
    size: z.number().optional(),
    annotations,
  }),
  z.object({
    type: z.literal('resource'),
    resource: z.union([
      z.object({ uri: z.string(), mimeType: z.string().optional(), text: z.string() }),
      z.object({ uri: z.string(), mimeType: z.string().optional(), blob: data }),
    ]),
    annotations,
  }),
]);

/** One part of an answer or of a prompt, as MCP has it. */
export type ContentBlock = z.infer<typeof blockSchema>;

export type BlockAnnotations = ContentBlock['annotations'];

/** Reads a block that the worker has written. */
export function parseBlock(value: unknown): ContentBlock {
  return blockSchema.parse(value);
}

/** The media type of what a block holds; undefined for text and for what its author did not say. */
export function mimeTypeOf(block: ContentBlock): string | undefined {
  if (block.type === 'text') return undefined;
  return block.type === 'resource' ? block.resource.mimeType : block.mimeType;
}

/** What a block weighs in an answer, in UTF-8 bytes. */
export function sizeOf(block: ContentBlock): number {
  const { text, base64 } = contentOf(block);
  return base64?.length ?? Buffer.byteLength(text ?? block.type);
}

/** What people and models read of a block: its text, or the URI of a link; empty for bytes. */
export function textOf(block: ContentBlock): string {
  if (block.type === 'resource_link') return block.uri;
  return contentOf(block).text ?? '';
}

/** A block without what it holds: instead of it, the number of its bytes and their SHA-256. Text blocks and links stay as they are. */
export function describeBlock(block: ContentBlock): JsonObject {
  if (block.type === 'text' || block.type === 'resource_link') return withoutUndefined(block);
  const { text = '', base64 } = contentOf(block);
  const held = base64 === undefined ? text : Buffer.from(base64, 'base64');
  const uri = block.type === 'resource' ? { uri: block.resource.uri } : {};
  return { ...describeHidden(block), ...uri, sha256: createHash('sha256').update(held).digest('hex') };
}

/** What anybody may learn of a block: its kind, its media type and its size. */
export function describeHidden(block: ContentBlock): JsonObject {
  const { text = '', base64 } = contentOf(block);
  const bytes = base64 === undefined ? Buffer.byteLength(text) : base64Bytes(base64);
  return { type: block.type, mimeType: mimeTypeOf(block) ?? null, bytes };
}

function contentOf(block: ContentBlock): { readonly text?: string; readonly base64?: string } {
  switch (block.type) {
    case 'text':
      return { text: block.text };
    case 'image':
    case 'audio':
      return { base64: block.data };
    case 'resource_link':
      return { text: JSON.stringify(block) };
    case 'resource':
      return 'blob' in block.resource ? { base64: block.resource.blob } : { text: block.resource.text };
  }
}

/** Exactly what JSON has of a block. */
function withoutUndefined(block: ContentBlock): JsonObject {
  // JSON.parse gives JSON values, and a block is an object.
  return JSON.parse(JSON.stringify(block)) as JsonObject;
}
