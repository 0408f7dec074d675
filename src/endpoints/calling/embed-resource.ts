import { MxcpError } from '../../errors/index.js';
import { type BlockAnnotations, type ContentBlock, sizeOf, tooLarge } from '../../values/index.js';
import type { EmbeddingMessage, PromptMessage } from '../callable/render-prompt.js';
import type { ResourceText } from '../callable/resource-text.js';

/** What a resource of this server answered, and whether its result is `sensitive`. */
export interface ReadResource {
  readonly resource: ResourceText;
  readonly isSensitive: boolean;
}

interface Embedding {
  /** Names the prompt in errors. */
  readonly endpoint: string;
  readonly maxResultBytes: number;
  /** Reads as the caller of the prompt, with every check that a call of its own would have. */
  readonly read: (uri: string) => Promise<ReadResource>;
}

/** Reads what the messages embed, one resource after the other. Throws `prompt_failed`, `result_too_large`, and what `read` throws. */
export async function embedResources(
  messages: readonly (PromptMessage | EmbeddingMessage)[],
  { endpoint, maxResultBytes, read }: Embedding,
): Promise<readonly PromptMessage[]> {
  const complete: PromptMessage[] = [];
  let bytes = 0;
  for (const [index, message] of messages.entries()) {
    const whole = 'reads' in message ? await embed(message, read, `message ${index + 1} of ${endpoint}`) : message;
    bytes += sizeOf(whole.content);
    if (bytes > maxResultBytes) throw tooLarge(endpoint, maxResultBytes, `in message ${index + 1}`);
    complete.push(whole);
  }
  return complete;
}

async function embed(
  { role, type, annotations, reads }: EmbeddingMessage,
  read: Embedding['read'],
  place: string,
): Promise<PromptMessage> {
  const { resource, isSensitive } = await read(reads).catch((error: unknown): never => {
    const isMissing = error instanceof MxcpError && (error.code === 'endpoint_not_found' || error.code === 'not_found');
    // To the client, an error of this kind would mean that the prompt does not exist.
    throw isMissing
      ? new MxcpError('prompt_failed', `${place} embeds a resource that does not exist: ${error.message}`, {
          cause: error,
        })
      : error;
  });
  const content = toBlock(type, resource, annotations);
  if (content !== undefined) return { role, content, isSensitive };
  const { uri, mimeType } = resource;
  throw new MxcpError('prompt_failed', `${place} has \`type: ${type}\`, but the resource ${uri} is ${mimeType}`);
}

/** Undefined if the resource is of another kind. */
function toBlock(
  type: EmbeddingMessage['type'],
  { uri, mimeType, texts, isBinary }: ResourceText,
  annotations: BlockAnnotations,
): ContentBlock | undefined {
  const text = [...texts].join('');
  if (type !== 'image' && type !== 'audio')
    return { type: 'resource', resource: { uri, mimeType, ...(isBinary ? { blob: text } : { text }) }, annotations };
  if (!mimeType.toLowerCase().startsWith(`${type}/`)) return undefined;
  return { type, mimeType, data: isBinary ? text : Buffer.from(text).toString('base64'), annotations };
}
