import type { CallerIdentity } from '../../duckdb/index.js';
import type { CallNotification } from '../../python/index.js';
import type { ObjectSchema, ShapedResult } from '../../values/index.js';
import type { ToolAnnotations } from '../definitions/definition-schema.js';

/** What a transport knows about one call. */
export interface CallContext {
  readonly caller: CallerIdentity;
  /** Aborted when the client disconnects or cancels: the call then ends and its query is interrupted. */
  readonly signal: AbortSignal;
  /** Sends a notification to the client before the call is answered. Absent when the client takes none. Must not throw. */
  readonly notify?: ((notification: CallNotification) => void) | undefined;
}

export interface ToolListing {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: ObjectSchema;
  readonly outputSchema?: ObjectSchema | undefined;
  readonly annotations?: Partial<ToolAnnotations> | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface ResourceListing {
  /** A URI, or an RFC 6570 level 1 template when the resource has parameters. */
  readonly uri: string;
  readonly isTemplate: boolean;
  readonly name: string;
  readonly description?: string | undefined;
  readonly mimeType?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface PromptListing {
  readonly name: string;
  readonly description?: string | undefined;
  readonly arguments: readonly {
    readonly name: string;
    readonly description?: string | undefined;
    readonly required: boolean;
  }[];
  readonly tags?: readonly string[] | undefined;
}

/** What clients see of the endpoints before they call one. */
export interface EndpointListings {
  readonly tools: readonly ToolListing[];
  readonly resources: readonly ResourceListing[];
  readonly prompts: readonly PromptListing[];
}

export interface ResourceText {
  readonly uri: string;
  readonly mimeType: string;
  /** Pieces of the text, to be concatenated; large results come in many. */
  readonly texts: Iterable<string>;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Whether the text is bytes in base 64. */
  readonly isBinary: boolean;
}

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

/** Arguments as the client sent them. */
export type SentArguments = Readonly<Record<string, unknown>>;

/**
 * Everything that can be called on this server. Every call leases the current generation from its start to its end.
 * Throws `endpoint_not_found`, `params_invalid`, `server_busy`, `call_timeout`, `query_failed`, `query_interrupted`,
 * `result_too_large`, `output_invalid`, `prompt_failed`.
 */
export interface EndpointCalls {
  readonly listings: EndpointListings;
  callTool(name: string, sent: SentArguments, context: CallContext): Promise<ShapedResult>;
  readResource(uri: string, context: CallContext): Promise<ResourceText>;
  getPrompt(name: string, sent: SentArguments, context: CallContext): Promise<readonly PromptMessage[]>;
}
