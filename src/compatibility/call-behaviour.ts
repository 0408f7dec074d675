import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { EndpointDefinition } from '../endpoints/index.js';

/** A part of an answer that is not text. */
const partSchema = z.object({
  /** `return`, `return[]`, `return.picture`; of all messages of a prompt, `messages`. */
  at: z.string(),
  kind: z.enum(['image', 'audio', 'resource', 'resource_link']),
  mimeType: z.string().optional(),
});

/** What clients meet when they call an endpoint. The lists of MCP have no place for it. */
export const behaviourFields = {
  /** What becomes of a client that cannot ask a person, if the endpoint asks one. */
  confirm: z.enum(['refuse', 'run']).optional(),
  content: z.array(partSchema).optional(),
};

type ContentPart = z.infer<typeof partSchema>;
type CallBehaviour = z.infer<z.ZodObject<typeof behaviourFields>>;

export function behaviourOf(endpoint: EndpointDefinition | undefined): CallBehaviour {
  if (endpoint === undefined) return {};
  // A resource has one type, which its list has.
  const parts = { tool: partsOfTool, prompt: partsOfPrompt, resource: () => [] }[endpoint.kind](endpoint);
  return { confirm: endpoint.confirm?.whenUnsupported, content: parts.length === 0 ? undefined : parts };
}

function partsOfTool({ returns }: EndpointDefinition): ContentPart[] {
  const isList = returns?.type === 'array';
  const part = isList ? returns.items : returns;
  const at = isList ? 'return[]' : 'return';
  const places = [
    [at, part?.mime_type] as const,
    ...Object.entries(part?.properties ?? {}).map(([name, { mime_type: type }]) => [`${at}.${name}`, type] as const),
  ];
  const parts = places.flatMap(([place, mimeType]) =>
    mimeType === undefined ? [] : [{ at: place, kind: kindOf(mimeType), mimeType }],
  );
  return parts.sort((a, b) => (a.at < b.at ? -1 : 1));
}

function kindOf(mimeType: string): ContentPart['kind'] {
  const [, kind] = /^(image|audio)\//i.exec(mimeType) ?? [];
  return kind === undefined ? 'resource' : kind.toLowerCase() === 'image' ? 'image' : 'audio';
}

function partsOfPrompt(prompt: EndpointDefinition): ContentPart[] {
  const messages = prompt.kind === 'prompt' ? prompt.messages : [];
  const parts = messages.flatMap(({ type: kind, mimeType, file }) =>
    kind === 'text'
      ? []
      : [[describe({ kind, mimeType: file?.mimeType ?? mimeType }), kind, file?.mimeType ?? mimeType] as const],
  );
  const byText = new Map(parts.map(([text, kind, mimeType]) => [text, { at: 'messages', kind, mimeType }]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part);
}

function describe({ kind, mimeType }: Pick<ContentPart, 'kind' | 'mimeType'>): string {
  const noun = { image: 'an image', audio: 'audio', resource: 'a document', resource_link: 'a link' }[kind];
  return mimeType === undefined ? noun : `${noun} of type "${mimeType}"`;
}

export interface BehaviourChange {
  readonly isBreaking: boolean;
  readonly code: 'confirm' | 'content';
  readonly location: string | null;
  readonly message: string;
}

export function compareBehaviour(from: CallBehaviour, to: CallBehaviour): BehaviourChange[] {
  return [...compareConfirm(from.confirm, to.confirm), ...compareContent(from.content ?? [], to.content ?? [])];
}

function compareConfirm(from: CallBehaviour['confirm'], to: CallBehaviour['confirm']): BehaviourChange[] {
  if (from === to) return [];
  const report = (isBreaking: boolean, message: string): BehaviourChange[] => [
    { isBreaking, code: 'confirm', location: null, message },
  ];
  if (to === 'refuse') {
    const what = from === undefined ? 'asks a person before it runs' : 'no longer runs without a question';
    return report(true, `${what}; clients that cannot ask are refused`);
  }
  if (to === undefined) return report(false, 'no longer asks before it runs');
  const what =
    from === undefined ? 'asks a person before it runs, where the client can' : 'runs for clients that cannot ask';
  return report(false, what);
}

function compareContent(from: readonly ContentPart[], to: readonly ContentPart[]): BehaviourChange[] {
  const isOfPrompt = [...from, ...to].some(({ at }) => at === 'messages');
  return isOfPrompt ? compareMessages(from, to) : compareParts(from, to);
}

/** The model of a client may be able to read only some kinds of content. */
function compareMessages(from: readonly ContentPart[], to: readonly ContentPart[]): BehaviourChange[] {
  const report = (isBreaking: boolean, message: string): BehaviourChange => ({
    isBreaking,
    code: 'content',
    location: null,
    message,
  });
  return [
    ...without(to, from).map((part) =>
      report(true, `has ${describe(part)} among its messages now; clients that cannot show it fail`),
    ),
    ...without(from, to).map((part) => report(false, `has ${describe(part)} among its messages no longer`)),
  ];
}

function without(parts: readonly ContentPart[], others: readonly ContentPart[]): readonly ContentPart[] {
  return parts.filter((part) => !others.some((other) => isDeepStrictEqual(part, other)));
}

function compareParts(from: readonly ContentPart[], to: readonly ContentPart[]): BehaviourChange[] {
  const before = new Map(from.map((part) => [part.at, part]));
  const after = new Map(to.map((part) => [part.at, part]));
  const report = (at: string, isBreaking: boolean, message: string): BehaviourChange[] => [
    { isBreaking, code: 'content', location: at, message: `\`${at}\` ${message}` },
  ];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((at) => {
    const [old, now] = [before.get(at), after.get(at)];
    if (old === undefined || now === undefined) {
      if (now === undefined)
        return old === undefined
          ? []
          : report(at, true, `is no longer ${describe(old)}; clients that show it find none`);
      const isNew = from.length === 0;
      const consequence = isNew ? '; clients that read text or structure there find none' : '';
      return report(at, isNew, `is ${describe(now)} now${consequence}`);
    }
    if (isDeepStrictEqual(old, now)) return [];
    return report(at, true, `is ${describe(now)} instead of ${describe(old)}; clients read it in another way`);
  });
}
