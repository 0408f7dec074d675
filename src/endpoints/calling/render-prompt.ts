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
import type { PromptMessage } from './endpoint-calls.js';

/**
 * Characters of the templates times characters of the values. The slowest filters, `dictsort` and `sort`, took up to 30 ms
 * for this much, the first time included (Node 20.20).
 */
const MAX_HERE = 500_000;

export interface RenderLimits {
  readonly maxResultBytes: number;
  readonly signal: AbortSignal;
  /** Where prompts are rendered that may take long. */
  readonly renderers: Renderers;
}

/** Renders the messages of one prompt: here when that is quick for certain, else where it holds nobody up. */
export class PromptRenderer {
  readonly #label: string;
  readonly #roles: readonly PromptMessage['role'][];
  readonly #templates: readonly string[];
  readonly #prepared: readonly PreparedTemplate[];
  readonly #isPredictable: boolean;

  constructor({ name, messages }: PromptDefinition) {
    this.#label = endpointLabel('prompt', name);
    this.#roles = messages.map(({ role }) => role);
    this.#templates = messages.map(({ template }) => template);
    this.#prepared = this.#templates.map(prepareTemplate);
    this.#isPredictable = this.#prepared.every((each) => each.isPredictable);
  }

  /** Throws `prompt_failed`, `result_too_large`, `server_busy`, and the signal's reason when that aborts. */
  async render(
    values: Readonly<Record<string, unknown>>,
    { maxResultBytes, signal, renderers }: RenderLimits,
  ): Promise<readonly PromptMessage[]> {
    const request = { templates: this.#templates, values, maxBytes: maxResultBytes };
    const answer = this.#isQuick(request)
      ? renderAll(this.#prepared, request)
      : await renderers.render(this.#label, request, signal);
    return this.#toMessages(answer, maxResultBytes);
  }

  #isQuick({ templates, values }: RenderRequest): boolean {
    return this.#isPredictable && templates.join('').length * JSON.stringify(values).length <= MAX_HERE;
  }

  #toMessages(answer: RenderAnswer, maxResultBytes: number): readonly PromptMessage[] {
    if (answer.kind === 'rendered')
      return this.#roles.map((role, index) => ({ role, text: answer.texts[index] ?? '' }));
    if (answer.kind === 'ended')
      throw new MxcpError('prompt_failed', `${this.#label} cannot be rendered: ${answer.reason}`);
    const message = `message ${answer.index + 1} of ${this.#label}`;
    if (answer.kind === 'failed')
      throw new MxcpError('prompt_failed', `${message} cannot be rendered: ${answer.reason}`);
    throw tooLarge(this.#label, maxResultBytes, `in message ${answer.index + 1}`);
  }
}
