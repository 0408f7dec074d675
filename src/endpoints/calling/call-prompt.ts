import type { Renderers } from '../../prompts/index.js';
import type { QuestionStates } from '../../questions/index.js';
import type { CallGate } from '../../lifecycle/index.js';
import type { CallArguments } from '../../values/index.js';
import { askFirst } from './ask-first.js';
import { embedResources, type ReadResource } from './embed-resource.js';
import type { CallablePrompt } from '../callable/endpoint-set.js';
import { enforceInput, enforceMessages } from '../policies/enforce-policies.js';
import type { PromptMessage } from '../callable/render-prompt.js';
import type { RunningCall } from '../running/running-call.js';

interface PromptServices {
  readonly gate: CallGate;
  readonly renderers: Renderers;
  readonly questions?: QuestionStates | undefined;
  readonly maxResultBytes: number;
  /** Reads a resource that a message embeds, as the caller of the prompt. */
  readonly read: (uri: string) => Promise<ReadResource>;
}

/** The arguments with which a prompt is called: a field that a person left empty is not sent. */
export function withoutEmpty(
  { leftOutWhenEmpty }: CallablePrompt,
  sent: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(sent).filter(([key, value]) => value !== '' || !leftOutWhenEmpty.has(key)));
}

/** Renders the messages that the policies allow. Throws what each of its steps throws. */
export async function callPrompt(
  prompt: CallablePrompt,
  callArguments: CallArguments,
  call: RunningCall,
  { read, ...services }: PromptServices,
): Promise<readonly PromptMessage[]> {
  const { policies, endpoint, renderer, asks } = prompt;
  const { values } = callArguments;
  const { maxResultBytes, renderers } = services;
  if (policies !== undefined) enforceInput(policies, call, values);
  if (asks || call.opened !== undefined) await askFirst(prompt, callArguments, call, services);
  const phase = call.context.timing?.begin('render');
  const rendered = await renderer.render({ values, maxBytes: maxResultBytes }, renderers, call.deadline.signal);
  phase?.end();
  call.isEmbedding = true;
  const messages = await embedResources(rendered, { endpoint, maxResultBytes, read });
  if (policies !== undefined) enforceMessages(policies, call, messages);
  return messages;
}
