import { MxcpError } from '../../errors/index.js';
import {
  type PreparedTemplate,
  prepareTemplate,
  renderAll,
  type RenderAnswer,
  type Renderers,
  type RenderRequest,
} from '../../prompts/index.js';
import { tooLarge } from '../../values/index.js';
import { endpointLabel, type PromptDefinition } from '../definitions/endpoint-definition.js';

/**
 * The largest product of template and value characters that is rendered on the event loop. The slowest filters, `dictsort` and `sort`, took up to 30 ms
 * for this much, the first time included (Node 20.20).
 */
const MAX_HERE = 500_000;

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

/** Renders the messages of one prompt: on the event loop if that is surely quick, otherwise in a render process. */
export class PromptRenderer {
  readonly #label: string;
  readonly #definition: PromptDefinition;
  readonly #prepared: readonly PreparedTemplate[];

  constructor(definition: PromptDefinition) {
    this.#label = endpointLabel('prompt', definition.name);
    this.#definition = definition;
    this.#prepared = definition.messages.map(({ template }) => prepareTemplate(template));
  }

  /** Throws `prompt_failed`, `result_too_large`, `server_busy`, and the signal's reason when that aborts. */
  async render(
    { values, maxBytes }: Omit<RenderRequest, 'templates'>,
    renderers: Renderers,
    signal: AbortSignal,
  ): Promise<readonly PromptMessage[]> {
    const { messages } = this.#definition;
    const request = { templates: messages.map(({ template }) => template), values, maxBytes };
    const answer = this.#isQuick(request)
      ? renderAll(this.#prepared, request)
      : await renderers.render(this.#label, request, signal);
    if (answer.kind !== 'rendered') throw this.#toError(answer, maxBytes);
    return messages.map(({ role }, index) => ({ role, text: answer.texts[index] ?? '' }));
  }

  #isQuick({ templates, values }: RenderRequest): boolean {
    const isPredictable = this.#prepared.every((template) => template.isPredictable);
    return isPredictable && templates.join('').length * JSON.stringify(values).length <= MAX_HERE;
  }

  #toError(answer: Exclude<RenderAnswer, { kind: 'rendered' }>, maxResultBytes: number): MxcpError {
    if (answer.kind === 'ended')
      return new MxcpError('prompt_failed', `${this.#label} cannot be rendered: ${answer.reason}`);
    const number = answer.index + 1;
    if (answer.kind !== 'failed') return tooLarge(this.#label, maxResultBytes, `in message ${number}`);
    const message = `message ${number} of ${this.#label} cannot be rendered: ${answer.reason}`;
    return new MxcpError('prompt_failed', message);
  }
}
