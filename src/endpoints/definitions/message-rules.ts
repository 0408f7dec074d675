import { checkTemplate } from '../../prompts/index.js';
import type { Finding } from '../../yaml/index.js';
import type { MessageFields } from './definition-schema.js';
import { MESSAGE_TYPES, type MessageDefinition } from './endpoint-definition.js';

export type MessageFinding = Finding & { readonly isWarning?: boolean };

/** The keys that a message of a type may have. */
const KEYS: Readonly<Record<MessageDefinition['type'], readonly (keyof MessageFields)[]>> = {
  text: ['prompt', 'annotations'],
  image: ['file', 'uri', 'prompt', 'mime_type', 'annotations'],
  audio: ['file', 'uri', 'prompt', 'mime_type', 'annotations'],
  resource: ['file', 'uri', 'prompt', 'mime_type', 'annotations'],
  resource_link: ['uri', 'name', 'title', 'description', 'mime_type', 'annotations'],
};

/**
 * Templates must be valid and read only declared parameters; the roles of MCP are user and assistant; the keys must fit the type of
 * the message. `explainUndeclared` gives the end of a sentence about a name, undefined for a parameter.
 */
export function checkMessage(
  message: MessageFields,
  explainUndeclared: (name: string) => (() => string) | undefined,
): readonly MessageFinding[] {
  return [
    ...(['prompt', 'uri'] as const).flatMap((key) => checkTemplateOf(key, message[key], explainUndeclared)),
    ...checkRole(message),
    ...checkKeys(message),
  ];
}

function checkTemplateOf(
  key: 'prompt' | 'uri',
  template: string | undefined,
  explainUndeclared: (name: string) => (() => string) | undefined,
): readonly MessageFinding[] {
  if (template === undefined) return [];
  const { mistakes, variables } = checkTemplate(template);
  const undeclared = variables.flatMap(({ name, line }) => {
    const explain = explainUndeclared(name);
    return explain === undefined ? [] : [{ line, message: () => `the template reads "${name}", which ${explain()}` }];
  });
  return [...mistakes, ...undeclared].sort((a, b) => a.line - b.line).map((each) => ({ at: [key], ...each }));
}

function checkRole({ role = 'user' }: MessageFields): readonly MessageFinding[] {
  if (role === 'user' || role === 'assistant') return [];
  const at = ['role'];
  if (role !== 'system') return [{ at, message: `\`role\` must be user or assistant, not "${role}"` }];
  return [{ at, message: 'MCP has no role "system"; the message is delivered as "user"', isWarning: true }];
}

function checkKeys(message: MessageFields): readonly MessageFinding[] {
  const { type: written = 'text', prompt, file, uri, mime_type: mimeType } = message;
  const type = MESSAGE_TYPES.find((each) => each === written);
  if (type === undefined)
    return [{ at: ['type'], message: `\`type\` must be one of ${MESSAGE_TYPES.join(', ')}, not "${written}"` }];
  const allowed = new Set<string>([...KEYS[type], 'role', 'type']);
  const foreign = Object.entries(message).flatMap(([key, value]) =>
    value === undefined || allowed.has(key)
      ? []
      : [{ at: [key], message: `\`${key}\` has no place in a message of type ${type}` }],
  );
  if (foreign.length > 0) return foreign;
  if (type === 'text')
    return prompt === undefined ? [{ at: [], message: 'a message of type text needs `prompt`, its text' }] : [];
  if (type === 'resource_link')
    return uri === undefined ? [{ at: [], message: 'a message of type resource_link needs `uri`' }] : [];
  if (file !== undefined && prompt !== undefined)
    return [{ at: ['prompt'], message: 'a message has either `file` or `prompt`; keep one' }];
  if (type === 'resource') return checkResource(message);
  if ([file, prompt, uri].filter((each) => each !== undefined).length !== 1)
    return [{ at: [], message: `a message of type ${type} needs one of \`file\`, \`uri\` and \`prompt\`` }];
  return checkMedia(type, { prompt, uri, mimeType });
}

/** A document is a file or a template, which `uri` may name, or the resource with this URI. */
function checkResource({ prompt, file, uri, mime_type: mimeType }: MessageFields): readonly MessageFinding[] {
  if (file === undefined && uri === undefined)
    return [{ at: [], message: 'a message of type resource needs `file`, or the `uri` of a resource of this server' }];
  if (file === undefined && prompt === undefined && mimeType !== undefined)
    return [{ at: ['mime_type'], message: 'the resource with this `uri` says itself of which type it is' }];
  return [];
}

function checkMedia(
  type: 'image' | 'audio',
  { prompt, uri, mimeType }: Readonly<Record<'prompt' | 'uri' | 'mimeType', string | undefined>>,
): readonly MessageFinding[] {
  if (uri !== undefined && mimeType !== undefined)
    return [{ at: ['mime_type'], message: 'the resource with this `uri` says itself of which type it is' }];
  if (prompt !== undefined && mimeType === undefined)
    return [{ at: ['prompt'], message: `the text of \`prompt\` is ${type} data in base64; add its \`mime_type\`` }];
  if (mimeType !== undefined && !mimeType.toLowerCase().startsWith(`${type}/`))
    return [{ at: ['mime_type'], message: `a message of type ${type} needs a type ${type}/…, not ${mimeType}` }];
  return [];
}
