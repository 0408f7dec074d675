import { Template } from '@huggingface/jinja';
import { messageOf, MxcpError } from '../../errors/index.js';
import type { PromptMessage } from '../calls.js';
import type { PromptDefinition } from '../definitions/endpoint-definition.js';
import { endpointLabel } from '../definitions/endpoint-label.js';

/** A prompt with its templates parsed. */
export class PromptRenderer {
  readonly #label: string;
  readonly #messages: readonly { readonly role: PromptMessage['role']; readonly template: Template }[];

  constructor(definition: PromptDefinition) {
    this.#label = endpointLabel('prompt', definition.name);
    this.#messages = definition.messages.map(({ role, template }) => ({
      role,
      template: new Template(template),
    }));
  }

  /** Throws `prompt_failed`. */
  render(values: Readonly<Record<string, unknown>>): PromptMessage[] {
    return this.#messages.map(({ role, template }, index) => {
      try {
        return { role, text: template.render({ ...values }) };
      } catch (error) {
        const message = `message ${index + 1} of ${this.#label} cannot be rendered: ${messageOf(error)}`;
        throw new MxcpError('prompt_failed', message, { cause: error });
      }
    });
  }
}
