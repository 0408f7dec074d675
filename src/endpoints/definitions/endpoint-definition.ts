import type { AnswerLimits, DeclaredCache, Icon, RateRule } from '../../config/index.js';
import type { Problem, SourcePosition } from '../../errors/index.js';
import type { EndpointPolicies } from '../../policies/index.js';
import type { BlockAnnotations, Paging, ParameterDefinition, TypeDefinition } from '../../values/index.js';
import type { KeyPath } from '../../yaml/index.js';
import type { EndpointTest, MessageFields, ResourceFields, ToolFields } from './definition-schema.js';

/** In the order in which they are loaded and listed. */
export const ENDPOINT_KINDS = ['tool', 'resource', 'prompt'] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

/** SQL text and its place, so that `LINE n` of DuckDB becomes a line of a file. */
export interface SqlSource {
  readonly text: string;
  /** Relative to the project root. */
  readonly file: string;
  /** Which line of `file` a line of the text is, counted from 0. For folded text, the first line of the text. */
  readonly lineInFile: (index: number) => number;
  /** Which column of that line a column of the text is, counted from 1; undefined for folded and escaped text. */
  readonly columnInFile: (index: number, column: number) => number | undefined;
}

/** A Python function and the file it is in. The code itself belongs to the generation that runs it. */
export interface PythonSource {
  /** Relative to the project root, with forward slashes. */
  readonly file: string;
  /** Undefined for a resource: its Python file alone determines the function. */
  readonly functionName: string | undefined;
  /** Where the endpoint file names the Python file. */
  readonly namedAt: () => SourcePosition;
}

export type EndpointSource =
  | { readonly language: 'sql'; readonly sql: SqlSource }
  | { readonly language: 'python'; readonly python: PythonSource };

/** What a person is asked before a call runs. */
export interface ConfirmRule {
  /** A template over the arguments. */
  readonly message: string;
  /** What becomes of a call whose client cannot ask a person. */
  readonly whenUnsupported: 'refuse' | 'run';
  /** Whether the template reads how many rows the SQL would change. */
  readonly countsRows: boolean;
}

interface DefinitionBase extends Readonly<Pick<ToolFields, 'title' | 'description' | 'tags'>> {
  /** The YAML file, relative to the project root, with forward slashes. */
  readonly path: string;
  /** The name of a tool or prompt; the name of a resource, or its URI if it has none. */
  readonly name: string;
  readonly icons: readonly Icon[];
  readonly parameters: readonly ParameterDefinition[];
  readonly returns: TypeDefinition | undefined;
  /** Of the access token: a call of a caller who lacks one is refused. */
  readonly scopes: readonly string[];
  /** How often it may be called. */
  readonly rateLimit: RateRule | undefined;
  readonly tests: readonly EndpointTest[];
  /** Undefined when every caller may call it and gets the whole answer. */
  readonly policies: EndpointPolicies | undefined;
  /** Undefined when a call runs without being asked for. */
  readonly confirm: ConfirmRule | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** For problems. Functions, because finding a position takes much longer than reading the file. */
  readonly positions: {
    /** Of the name or URI. */
    readonly identity: () => SourcePosition;
    readonly parameter: (index: number) => SourcePosition;
    /** Of any key below the kind. */
    readonly key: (...at: KeyPath) => SourcePosition;
    readonly test: (index: number) => SourcePosition;
  };
}

export interface ToolDefinition extends DefinitionBase, Readonly<Pick<ToolFields, 'annotations'>> {
  readonly kind: 'tool';
  readonly source: EndpointSource;
  readonly limits: AnswerLimits;
  /** By which argument callers ask for the rows that an answer leaves out. */
  readonly paging: Paging | undefined;
  /** URIs and templates over the arguments, normalized: the resources that a call changes. */
  readonly updates: readonly string[];
}

export interface ResourceDefinition extends DefinitionBase, Readonly<Pick<ResourceFields, 'annotations'>> {
  readonly kind: 'resource';
  /** Normalized, as clients get it. */
  readonly uri: string;
  readonly mimeType: string | undefined;
  /** How long clients may keep what they have read; undefined when they may not. */
  readonly cache: DeclaredCache | undefined;
  readonly source: EndpointSource;
  readonly limits: AnswerLimits;
}

export interface PromptDefinition extends DefinitionBase {
  readonly kind: 'prompt';
  readonly messages: readonly MessageDefinition[];
}

export const MESSAGE_TYPES = ['text', 'image', 'audio', 'resource', 'resource_link'] as const;

/** One message of a prompt. What it holds is `file`, else `template`, else what the resource `uri` answers, or the link to it. */
export interface MessageDefinition extends Readonly<Pick<MessageFields, 'name' | 'title' | 'description'>> {
  readonly role: 'user' | 'assistant';
  readonly type: (typeof MESSAGE_TYPES)[number];
  readonly template: string | undefined;
  /** A template too. */
  readonly uri: string | undefined;
  readonly mimeType: string | undefined;
  readonly file: MessageFile | undefined;
  readonly annotations: BlockAnnotations;
}

/** A file of the project as it was when the definition was read. */
export interface MessageFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly mimeType: string;
  readonly content: { readonly text: string } | { readonly blob: string };
}

/** An endpoint as it was read from disk. Deeply frozen, so later changes on disk do not affect it. */
export type EndpointDefinition = ToolDefinition | ResourceDefinition | PromptDefinition;

/** An endpoint file with problems, or a folder that cannot be read. */
export interface EndpointFailure {
  readonly path: string;
  readonly kind: EndpointKind | null;
  readonly name: string | null;
  readonly problems: readonly Problem[];
}

/** All endpoint files of a project, read at one time. Deeply frozen. */
export interface EndpointCatalog {
  readonly endpoints: readonly EndpointDefinition[];
  readonly failures: readonly EndpointFailure[];
  /** Endpoints whose file has `enabled: false`. */
  readonly disabled: readonly (Pick<DefinitionBase, 'path' | 'name' | 'description'> & {
    readonly kind: EndpointKind;
  })[];
  /** What is allowed but probably not intended. */
  readonly warnings: readonly Problem[];
  /** By the path of the endpoint file. */
  readonly fingerprints: ReadonlyMap<string, DefinitionFingerprint>;
}

/**
 * What an endpoint file and the files that it names contained when they were read, so that a change is found without parsing. Python files are not included:
 * their code is not part of the definition, and every reload reads it again.
 */
export interface DefinitionFingerprint {
  readonly contentHash: string;
  /** Absent if it names none. */
  readonly files?: readonly NamedFileFingerprint[] | undefined;
}

/** A file that an endpoint file names, even if it could not be read: its SQL, an icon, or a file of a message. `path` is relative to the project root. */
export type NamedFileFingerprint = Pick<DefinitionFingerprint, 'contentHash'> & { readonly path: string };

/** An endpoint as messages name it: `tool "sales"`, or `resource sales://regions`, which is known by its URI. */
export function endpointLabel(kind: EndpointKind, name: string): string {
  return kind === 'resource' ? `resource ${name}` : `${kind} "${name}"`;
}
