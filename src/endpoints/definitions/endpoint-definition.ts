import type { Problem, SourcePosition } from '../../errors/index.js';
import type { PythonTarget } from '../../python/index.js';
import type { ParameterDefinition, TypeDefinition } from '../../values/index.js';
import type { EndpointTest, ToolAnnotations } from './definition-schema.js';

export type EndpointKind = 'tool' | 'resource' | 'prompt';

/** SQL text and where it stands, so that `LINE n` of DuckDB becomes a line of a file. */
export interface SqlSource {
  readonly text: string;
  /** Relative to the project root. */
  readonly file: string;
  /** The line of `file` on which the text begins. */
  readonly firstLine: number;
  /** Whether its lines are lines of `file`. */
  readonly keepsLines: boolean;
}

/** A Python function, by the file it stands in: the code itself belongs to the generation that runs it. */
export interface PythonSource {
  /** Relative to the project root, with forward slashes. */
  readonly file: string;
  /** Undefined for a resource, whose file says by itself which function is meant. */
  readonly functionName: string | undefined;
  /** Where the endpoint file names the code. */
  readonly namedAt: SourcePosition;
}

export type EndpointSource =
  | { readonly language: 'sql'; readonly sql: SqlSource }
  | { readonly language: 'python'; readonly python: PythonSource };

interface DefinitionBase {
  /** The YAML file, relative to the project root, with forward slashes. */
  readonly path: string;
  /** A tool's or prompt's name; a resource's name, or its URI when it has none. */
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[] | undefined;
  readonly parameters: readonly ParameterDefinition[];
  readonly returns: TypeDefinition | undefined;
  readonly tests: readonly EndpointTest[];
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly positions: {
    /** Where the name or URI stands. */
    readonly identity: SourcePosition;
    readonly parameters: readonly SourcePosition[];
  };
}

export interface ToolDefinition extends DefinitionBase {
  readonly kind: 'tool';
  readonly annotations: ToolAnnotations | undefined;
  readonly source: EndpointSource;
}

export interface ResourceDefinition extends DefinitionBase {
  readonly kind: 'resource';
  readonly uri: string;
  readonly mimeType: string | undefined;
  readonly source: EndpointSource;
}

export interface PromptMessageDefinition {
  readonly template: string;
  readonly role: 'user' | 'assistant';
}

export interface PromptDefinition extends DefinitionBase {
  readonly kind: 'prompt';
  readonly messages: readonly PromptMessageDefinition[];
}

/** One endpoint as it was read from disk. Deeply frozen: nothing on disk changes it afterwards. */
export type EndpointDefinition = ToolDefinition | ResourceDefinition | PromptDefinition;

/** An endpoint file that cannot be served, or a folder of them that cannot be looked into, and everything that is wrong with it. */
export interface EndpointFailure {
  readonly path: string;
  readonly kind: EndpointKind | null;
  readonly name: string | null;
  readonly problems: readonly Problem[];
}

/** An endpoint that its file switches off with `enabled: false`. */
export interface DisabledEndpoint {
  readonly path: string;
  readonly kind: EndpointKind;
  readonly name: string;
  readonly description: string | undefined;
}

/** All endpoint files of a project, read at one moment. Deeply frozen. */
export interface EndpointCatalog {
  readonly endpoints: readonly EndpointDefinition[];
  readonly failures: readonly EndpointFailure[];
  readonly disabled: readonly DisabledEndpoint[];
  /** What is allowed but probably not meant. */
  readonly warnings: readonly Problem[];
  /** A hash of each file and of the SQL file it names, by path. */
  readonly fingerprints: ReadonlyMap<string, DefinitionFingerprint>;
}

/** An endpoint as people read it: `tool "sales"`, or `resource sales://regions`, which is known by its URI. */
export function endpointLabel(kind: EndpointKind, name: string): string {
  return kind === 'resource' ? `resource ${name}` : `${kind} "${name}"`;
}

/**
 * What an endpoint file said when it was read, so that a difference on disk is seen without parsing it again. A Python file
 * is no part of it: its code is no definition, and every reload takes it anew.
 */
export interface DefinitionFingerprint {
  readonly mark: string;
  /** Absent when the SQL stands in the file itself. */
  readonly sqlFile?: SqlFileMark | undefined;
}

/** An SQL file that an endpoint file names, also one that could not be read. */
export interface SqlFileMark {
  /** Relative to the project root. */
  readonly path: string;
  readonly mark: string;
}

/** The Python functions that the endpoints of a catalogue call. */
export function findPythonTargets({ endpoints }: EndpointCatalog): readonly PythonTarget[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.kind !== 'prompt' && endpoint.source.language === 'python' ? [endpoint.source.python] : [],
  );
}
