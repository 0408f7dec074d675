import { z } from 'zod';
import { version } from '../version/index.js';
import { components } from './components.js';
import type { ResponseContract, RouteContract } from './route-contract.js';
import { ROUTES } from './route-table.js';
import { EXPERIMENTAL_ROUTES } from './stability.js';
import type { OpenApiDocument } from './wire-types.js';

type Json = Record<string, unknown>;

const HEADER_DOCS: Readonly<Record<string, string>> = {
  Allow: 'The methods that the route has.',
  ETag: 'The fingerprint of the active configuration.',
  Location: 'The path of the record of the reload.',
  'Retry-After': 'Seconds after which the same request may succeed.',
};

const OWNER_DOC =
  'The token of the file `.<name of the database file>.mxcp-owner` beside a read-write database, which only the user who runs the server can read.';

let document: OpenApiDocument | undefined;

/** The table of routes as an OpenAPI 3.1 document. Made once, because the table never changes. */
export function openApiDocument(): OpenApiDocument {
  document ??= {
    openapi: '3.1.0',
    info: {
      title: 'MXCP Admin API',
      version,
      description: 'Administration of one running server over its Unix socket. Every GET answers HEAD too.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: 'http://localhost', description: 'Through the Unix socket.' }],
    security: [],
    paths: toPaths(),
    components: {
      schemas: toComponents(),
      securitySchemes: { owner: { type: 'http', scheme: 'bearer', description: OWNER_DOC } },
    },
  };
  return document;
}

function toPaths(): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<RouteContract>(ROUTES)) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = toOperation(name, route);
  }
  return paths;
}

function toOperation(name: string, route: RouteContract): Json {
  return {
    operationId: name,
    tags: [route.tag],
    summary: route.doc,
    'x-stability': EXPERIMENTAL_ROUTES.has(name) ? 'experimental' : 'stable',
    ...(route.owner ? { security: [{ owner: [] }] } : {}),
    ...(route.probe ? { description: 'Also on the probe socket.' } : {}),
    parameters: [
      ...toPathParameters(route.path),
      ...toQueryParameters(route.query),
      ...toHeaderParameters(route.requestHeaders),
    ],
    ...(route.body === undefined ? {} : { requestBody: toRequestBody(route.body) }),
    responses: Object.fromEntries(
      Object.entries(route.responses).map(([status, response]) => [status, toResponse(response)]),
    ),
  };
}

function toPathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function toQueryParameters(query: z.ZodObject): Json[] {
  return Object.entries(query.shape).map(([name, option]) => {
    const { description, ...schema } = withoutDialect(z.toJSONSchema(option, { io: 'input' }));
    return { name, in: 'query', required: false, description, schema };
  });
}

function toHeaderParameters(headers: RouteContract['requestHeaders'] = {}): Json[] {
  return Object.entries(headers).map(([name, description]) => {
    return { name, in: 'header', required: false, description, schema: { type: 'string' } };
  });
}

function toRequestBody(body: z.ZodObject): Json {
  return {
    required: false,
    content: { 'application/json': { schema: withoutDialect(z.toJSONSchema(body, { io: 'input' })) } },
  };
}

function toResponse(response: ResponseContract): Json {
  const headers = Object.fromEntries(
    (response.headers ?? []).map((name) => [name, { description: HEADER_DOCS[name], schema: { type: 'string' } }]),
  );
  return {
    description: response.doc,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(response.empty ? {} : { content: toContent(response) }),
  };
}

function toContent(response: ResponseContract): Json {
  return {
    [response.mediaType ?? 'application/json']: { schema: { $ref: componentUri(idOf(response.schema)) } },
    ...Object.fromEntries((response.textTypes ?? []).map((type) => [type, { schema: { type: 'string' } }])),
  };
}

function toComponents(): Json {
  const { schemas } = z.toJSONSchema(components, { io: 'input', uri: componentUri });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutDialect(schema)]));
}

function componentUri(id: string): string {
  return `#/components/schemas/${id}`;
}

function idOf(schema: z.ZodType): string {
  const registered = components.get(schema);
  if (registered === undefined) throw new Error('a response schema of the contract has no component id');
  return registered.id;
}

/** The document names the dialect once; inside components `$id` would change what `$ref` means. */
function withoutDialect(schema: object): Json {
  const { $schema: _dialect, $id: _id, ...rest } = schema as Json; // a JSON Schema is a plain object of unknown keys
  return rest;
}
