import type {
  CallContext,
  Completion,
  CompletionRequest,
  EndpointCalls,
  EndpointListings,
  ResourceText,
  ToolListing,
} from '../../../src/endpoints/index.js';
import type { ShapedResult } from '../../../src/values/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import type { JsonObject, JsonValue } from '../../../src/duckdb/index.js';

export function objectResult(value: JsonObject): ShapedResult {
  const text = JSON.stringify(value, null, 2);
  return { shape: 'object', value, texts: [text], bytes: Buffer.byteLength(text) };
}

export function arrayResult(items: readonly JsonValue[]): ShapedResult {
  const texts = items.map((item) => JSON.stringify(item));
  return { shape: 'array', items, texts, bytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) };
}

export function scalarResult(value: JsonValue): ShapedResult {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { shape: 'scalar', value, texts: [text], bytes: Buffer.byteLength(text) };
}

type Tool = (parameters: Readonly<Record<string, unknown>>, context: CallContext) => Promise<ShapedResult>;

/** Endpoints in memory: one tool for each thing a transport has to carry. */
export class SampleCalls implements EndpointCalls {
  /** How often a call saw its signal abort. */
  cancelled = 0;
  running = 0;
  /** Tools that `wait` end with this. */
  readonly release: () => void;
  readonly #released: Promise<void>;
  readonly #tools: Record<string, Tool>;
  #toolListings: readonly ToolListing[];

  constructor(extra: Record<string, Tool> = {}) {
    let release = (): void => undefined;
    this.#released = new Promise((resolve) => {
      release = resolve;
    });
    this.release = () => release();
    this.#tools = { ...this.#builtIn(), ...extra };
    this.#toolListings = Object.keys(this.#tools).map((name) => this.#listing(name));
  }

  addTool(name: string, tool: Tool): void {
    this.#tools[name] = tool;
    this.#toolListings = [...this.#toolListings, this.#listing(name)];
  }

  /** Lists itself. */
  readonly endpoints = this;

  variesByCaller = false;

  declaredUri(uri: string): string | undefined {
    return this.listings.resources.find((resource) => resource.uri === uri)?.uri;
  }

  canonicalUri(uri: string): string {
    return uri;
  }

  completeArgument({ typed }: CompletionRequest): Promise<Completion> {
    return Promise.resolve({ values: [`${typed}!`], total: 1, hasMore: false });
  }

  listingsFor(): EndpointListings {
    return this.listings;
  }

  get listings(): EndpointListings {
    return {
      tools: this.#toolListings,
      resources: [
        { uri: 'notes://all', isTemplate: false, name: 'notes', mimeType: 'application/json' },
        { uri: 'notes://{id}', isTemplate: true, name: 'note', description: 'One note', tags: ['text'] },
      ],
      prompts: [{ name: 'greet', description: 'Greets', arguments: [{ name: 'who', required: true }] }],
    };
  }

  async callTool(
    name: string,
    parameters: Readonly<Record<string, unknown>>,
    context: CallContext,
  ): Promise<ShapedResult> {
    const tool = this.#tools[name];
    if (tool === undefined) throw new MxcpError('endpoint_not_found', `no tool ${name}`);
    this.running += 1;
    try {
      return await tool(parameters, context);
    } finally {
      this.running -= 1;
    }
  }

  async readResource(uri: string): Promise<ResourceText> {
    if (uri === 'notes://all') return toText(uri, ['[1,', '2]']);
    if (uri === 'notes://large') {
      return toText(
        uri,
        Array.from({ length: 3000 }, (_, line) => `"line" ${line} äöü 😀\n`),
      );
    }
    if (uri === 'notes://broken') throw new Error('password=hunter2');
    if (uri === 'notes://7') throw new MxcpError('not_found', 'there is no note 7');
    throw new MxcpError('endpoint_not_found', `no resource ${uri}`);
  }

  async getPrompt(name: string, parameters: Readonly<Record<string, unknown>>) {
    if (name !== 'greet') throw new MxcpError('endpoint_not_found', `no prompt ${name}`);
    if (parameters['who'] === undefined) throw new MxcpError('params_invalid', "parameter 'who' is missing");
    if (parameters['who'] === 'unknown') throw new MxcpError('not_found', 'this name is unknown');
    const text = `Hello ${String(parameters['who'])}`;
    return [{ role: 'user' as const, content: { type: 'text' as const, text } }];
  }

  #listing(name: string): ToolListing {
    return { name, description: `Tool ${name}`, inputSchema: { type: 'object' } };
  }

  #builtIn(): Record<string, Tool> {
    return {
      echo: async (parameters) => objectResult({ given: JSON.stringify(parameters) }),
      rows: async () => arrayResult([{ n: 1 }, { n: 2 }]),
      nothing: async () => arrayResult([]),
      count: async () => scalarResult(42),
      headers: async (_, { caller }) => objectResult({ ...caller.requestHeaders }),
      rejected: async () => {
        throw new MxcpError('params_invalid', "parameter 'n' is not a number");
      },
      missing: async () => {
        throw new MxcpError('not_found', 'there is no plane 7');
      },
      broken: async () => {
        throw new Error('connect to db://admin:hunter2@host failed');
      },
      large: async ({ rows }) =>
        arrayResult(Array.from({ length: Number(rows ?? 2000) }, (_, n) => ({ n, text: `row ${n} "quoted" ä😀\n` }))),
      large_object: async ({ chars }) => objectResult({ text: '😀"\\'.repeat(Number(chars ?? 100_000) / 4) }),
      wait: (_, { signal }) => this.#wait(signal),
    };
  }

  #wait(signal: AbortSignal): Promise<ShapedResult> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        this.cancelled += 1;
        reject(new MxcpError('query_interrupted', 'the call was cancelled'));
      });
      void this.#released.then(() => resolve(scalarResult('released')));
    });
  }
}

function toText(uri: string, texts: readonly string[]): ResourceText {
  const bytes = Buffer.byteLength(texts.join(''));
  return { uri, mimeType: 'application/json', texts, bytes, isBinary: false };
}
