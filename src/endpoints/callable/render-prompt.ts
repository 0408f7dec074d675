import { MxcpError } from '../../errors/index.js';
import {
  type PreparedTemplate,
  prepareTemplate,
  renderAll,
  type RenderAnswer,
  type Renderers,
  type RenderRequest,
} from '../../prompts/index.js';
import { type ContentBlock, isBase64Text, tooLarge } from '../../values/index.js';
import { endpointLabel, type MessageDefinition, type PromptDefinition } from '../definitions/endpoint-definition.js';

/**
 * The largest product of template and value characters that is rendered on the event loop. The slowest filters, `dictsort` and `sort`, took up to 30 ms
 * for this much, the first time included (Node 20.20).
 */
const MAX_HERE = 500_000;

export interface PromptMessage {
  readonly role: MessageDefinition['role'];
  readonly content: ContentBlock;
  /** Whether it is from a resource with a result that is `sensitive`. */
  readonly isSensitive?: boolean;
}

/** A message that holds what a resource of this server answers, which is not read yet. */
export interface EmbeddingMessage extends Pick<MessageDefinition, 'role' | 'type' | 'annotations'> {
  readonly reads: string;
}

interface MessageTemplate {
  readonly text: string;
  /** Its index. */
  readonly message: number;
  readonly key: keyof RenderedTexts;
}

interface RenderedTexts {
  readonly template?: string;
  readonly uri?: string;
}

/** Renders the messages of one prompt: on the event loop if that is surely quick, otherwise in a render process. */
export class PromptRenderer {
  readonly #label: string;
  readonly #definition: PromptDefinition;
  readonly #templates: readonly MessageTemplate[];
  readonly #prepared: readonly PreparedTemplate[];

  constructor(definition: PromptDefinition) {
    this.#label = endpointLabel('prompt', definition.name);
    this.#definition = definition;
    this.#templates = definition.messages.flatMap(({ template, uri }, message) => [
      ...(template === undefined ? [] : [{ text: template, message, key: 'template' } as const]),
      ...(uri === undefined ? [] : [{ text: uri, message, key: 'uri' } as const]),
    ]);
    this.#prepared = this.#templates.map(({ text }) => prepareTemplate(text));
  }

  /** Whether messages hold what resources of this server answer. */
  get embeds(): boolean {
    return this.#definition.messages.some(isEmbedding);
  }

  /** Throws `prompt_failed`, `result_too_large`, `server_busy`, and the signal's reason when that aborts. */
  async render(
    { values, maxBytes }: Omit<RenderRequest, 'templates'>,
    renderers: Renderers,
    signal: AbortSignal,
  ): Promise<readonly (PromptMessage | EmbeddingMessage)[]> {
    const request = { templates: this.#templates.map(({ text }) => text), values, maxBytes };
    const answer = await renderTexts(this.#label, this.#prepared, { request, renderers, signal });
    if (answer.kind !== 'rendered') throw this.#toError(answer, maxBytes);
    const rendered = this.#definition.messages.map((): RenderedTexts => ({}));
    for (const [index, { message, key }] of this.#templates.entries())
      Object.assign(rendered[message] ?? {}, { [key]: answer.texts[index] });
    return this.#definition.messages.map((message, index) => this.#toMessage(message, rendered[index] ?? {}, index));
  }

  #toMessage(
    definition: MessageDefinition,
    { template: text = '', uri }: RenderedTexts,
    index: number,
  ): PromptMessage | EmbeddingMessage {
    const { role, type, annotations, file, mimeType } = definition;
    const named = uri ?? `mxcp://prompts/${encodeURIComponent(this.#definition.name)}/${index + 1}`;
    const message = (content: ContentBlock): PromptMessage => ({ role, content: { ...content, annotations } });
    if (type === 'text') return message({ type, text });
    if (type === 'resource_link') {
      const { name = named, title, description } = definition;
      return message({ type, uri: named, name, title, description, mimeType });
    }
    if (isEmbedding(definition)) return { role, type, annotations, reads: named };
    if (type === 'resource') {
      const held = file === undefined ? { mimeType, text } : { mimeType: file.mimeType, ...file.content };
      return message({ type, resource: { uri: named, ...held } });
    }
    const data = file === undefined ? text.replaceAll(/\s/g, '') : 'blob' in file.content ? file.content.blob : '';
    if (!isBase64Text(data)) throw this.#failure(index, `its text is no ${type} data in base64`);
    // The rules of definitions ask for the type of a template.
    return message({ type, mimeType: file?.mimeType ?? mimeType ?? '', data });
  }

  #failure(index: number, reason: string): MxcpError {
    return new MxcpError('prompt_failed', `message ${index + 1} of ${this.#label} cannot be rendered: ${reason}`);
  }

  #toError(answer: Exclude<RenderAnswer, { kind: 'rendered' }>, maxResultBytes: number): MxcpError {
    if (answer.kind === 'ended')
      return new MxcpError('prompt_failed', `${this.#label} cannot be rendered: ${answer.reason}`);
    const index = this.#templates[answer.index]?.message ?? 0;
    if (answer.kind !== 'failed') return tooLarge(this.#label, maxResultBytes, `in message ${index + 1}`);
    return this.#failure(index, answer.reason);
  }
}

function isEmbedding({ type, file, template }: MessageDefinition): boolean {
  return type !== 'text' && type !== 'resource_link' && file === undefined && template === undefined;
}

/** Renders the templates of one endpoint, here or in a process. Throws `server_busy`, and the signal's reason when that aborts. */
export async function renderTexts(
  label: string,
  prepared: readonly PreparedTemplate[],
  rendering: { readonly request: RenderRequest; readonly renderers: Renderers; readonly signal: AbortSignal },
): Promise<RenderAnswer> {
  const { request, renderers, signal } = rendering;
  return isQuick(prepared, request) ? renderAll(prepared, request) : renderers.render(label, request, signal);
}

function isQuick(prepared: readonly PreparedTemplate[], { templates, values }: RenderRequest): boolean {
  const isPredictable = prepared.every((template) => template.isPredictable);
  return isPredictable && templates.join('').length * JSON.stringify(values).length <= MAX_HERE;
}
