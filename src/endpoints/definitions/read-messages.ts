import { decodeText, FileReadError } from '../../files/index.js';
import { isBinaryType, mimeTypeOfFile } from '../../values/index.js';
import type { Finding, YamlSource } from '../../yaml/index.js';
import { readNamedBytes, toProjectPath } from './definition-files.js';
import type { EndpointParts, MessageFields } from './definition-schema.js';
import {
  MESSAGE_TYPES,
  type MessageDefinition,
  type MessageFile,
  type NamedFileFingerprint,
} from './endpoint-definition.js';
import { explainNamedFile, resolveNamedFile, type SourceContext } from './read-source.js';

interface MessagesReading {
  readonly messages: readonly MessageDefinition[];
  readonly files: readonly NamedFileFingerprint[];
  readonly findings: readonly Finding[];
}

/** Reads the files that the messages of a prompt name, so that a prompt is as complete as any other definition once it is loaded. */
export async function readMessages(
  { messages: written }: EndpointParts,
  yaml: YamlSource,
  context: SourceContext,
): Promise<MessagesReading> {
  const messages: MessageDefinition[] = [];
  const files: NamedFileFingerprint[] = [];
  const findings: Finding[] = [];
  for (const [index, fields] of written.entries()) {
    if (fields === undefined) continue;
    const { file, fingerprint, problem } = await readFileOf(fields, yaml, context);
    if (fingerprint !== undefined) files.push(fingerprint);
    if (problem !== undefined) findings.push({ at: ['prompt', 'messages', index, 'file'], message: problem });
    messages.push(toMessage(fields, file));
  }
  return { messages, files, findings };
}

interface FileReading {
  readonly file?: MessageFile;
  readonly fingerprint?: NamedFileFingerprint;
  /** The end of a finding. */
  readonly problem?: string;
}

async function readFileOf(fields: MessageFields, yaml: YamlSource, context: SourceContext): Promise<FileReading> {
  const { file: named, mime_type: declared, type } = fields;
  if (named === undefined) return {};
  const { projectRoot, disk } = context;
  const absolute = resolveNamedFile(projectRoot, yaml.file, named);
  const path = toProjectPath(projectRoot, absolute);
  if (path.startsWith('../')) return { problem: `"${named}" is outside the project; move it into the project` };
  const { contentHash, ...read } = await readNamedBytes(absolute, disk);
  const fingerprint = { path, contentHash };
  if (read.bytes === undefined) {
    const reason = await explainNamedFile(read.error, { named, path: absolute, projectRoot, disk });
    return { fingerprint, problem: `the file ${path} ${reason}` };
  }
  const mimeType = declared ?? mimeTypeOfFile(path);
  if (mimeType === undefined)
    return { fingerprint, problem: `the name of ${path} does not imply its type; add \`mime_type\`` };
  const needsBytes = type === 'image' || type === 'audio';
  if (needsBytes && !mimeType.toLowerCase().startsWith(`${type}/`))
    return { fingerprint, problem: `${path} is ${mimeType}, but the message has \`type: ${type}\`` };
  try {
    const content =
      needsBytes || isBinaryType(mimeType) ? { blob: read.bytes.toString('base64') } : { text: decodeText(read.bytes) };
    return { fingerprint, file: { path, mimeType, content } };
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    return { fingerprint, problem: `the file ${path} ${error.message}` };
  }
}

/** MCP has no other roles: `system` is delivered as `user`, with a warning. Types that there are not are findings elsewhere. */
function toMessage(fields: MessageFields, file: MessageFile | undefined): MessageDefinition {
  const { prompt: template, role, type, uri, mime_type: mimeType, name, title, description, annotations } = fields;
  return {
    role: role === 'assistant' ? 'assistant' : 'user',
    type: MESSAGE_TYPES.find((each) => each === type) ?? 'text',
    template,
    uri,
    mimeType,
    file,
    name,
    title,
    description,
    annotations,
  };
}
