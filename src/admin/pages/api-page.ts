import { type RouteContract, ROUTES, openApiDocument } from '../../contract/index.js';
import { version } from '../../version/index.js';
import { type Html, html, prose, toPage } from './html.js';

let page: string | undefined;

/** The contract for people, made once from the same table as the routes and the OpenAPI document. It has no script. */
export function toApiPage(): string {
  page ??= toPage(
    'mxcp admin API',
    html`<h1>mxcp admin API ${version}</h1>
<p>HTTP and JSON over the admin socket. Every GET answers HEAD too. The same contract for programs: <a href="/openapi.json">/openapi.json</a>.</p>
${Object.entries<RouteContract>(ROUTES).map(([name, route]) => toRoute(name, route))}
<h2>Answers</h2>
${Object.entries(schemasOf(openApiDocument())).map(([name, schema]) => toComponent(name, schema))}`,
  );
  return page;
}

/** A JSON Schema of the document, as far as this page shows it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly $ref?: string;
  readonly additionalProperties?: Schema | boolean;
}

function schemasOf(document: Readonly<Record<string, unknown>>): Readonly<Record<string, Schema>> {
  // The document is made by this program; its components are the schemas of the contract.
  const { schemas } = document['components'] as { readonly schemas: Readonly<Record<string, Schema>> };
  return schemas;
}

function operationOf(route: RouteContract): Readonly<Record<string, unknown>> {
  // As above: it has an operation for each route of the table.
  const paths = openApiDocument()['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  return paths[route.path]?.[route.method.toLowerCase()] ?? {};
}

type Operation = Readonly<Record<string, unknown>>;

function toRoute(name: string, route: RouteContract): Html {
  const { method, path, doc, probe, owner, query, responses } = route;
  const access = [
    ...(probe ? ['also on the probe socket'] : []),
    ...(owner ? ['only with the token of the owner'] : []),
  ];
  const options = Object.entries(query.shape);
  const operation = operationOf(route);
  const body = (operation['requestBody'] as RequestBody | undefined)?.content['application/json'].schema;
  return html`<h2 id="${name}"><code>${method} ${path}</code></h2>
<p>${prose(doc)} ${access.length === 0 ? '' : html`<span class="quiet">(${access.join(', ')})</span>`}</p>
<pre>${curl(route)}</pre>
${
  options.length === 0
    ? ''
    : html`<h3>Options</h3>
<table>
${options.map(([option, { description = '' }]) => html`<tr><td><code>${option}</code></td><td>${prose(description)}</td></tr>`)}
</table>`
}
${
  body === undefined || Object.keys(body.properties ?? {}).length === 0
    ? ''
    : html`<h3>Body</h3>
${toProperties(body)}`
}
<h3>Answers</h3>
<table>
${Object.entries(responses).map(([status, response]) => html`<tr><td><code>${status}</code></td><td>${response.doc.split('\n').map((line) => html`${prose(line)}<br>`)}</td></tr>`)}
</table>`;
}

/** What the document says of the body of a route. */
interface RequestBody {
  readonly content: { readonly 'application/json': { readonly schema: Schema } };
}

function curl({ method, path, owner }: RouteContract): string {
  const options = [
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(owner ? ['-H "Authorization: Bearer $TOKEN"'] : []),
  ];
  return ['curl --unix-socket /run/mxcp/mxcp.sock', ...options, `http://localhost${path}`].join(' ');
}

function toComponent(name: string, schema: Schema): Html {
  const shown = schema.properties === undefined ? html`<p>${toType(schema)}</p>` : toProperties(schema);
  return html`<h3 id="${name}">${name}</h3>
<p>${prose(schema.description ?? '')}</p>
${shown}`;
}

function toProperties({ properties = {}, required = [] }: Schema): Html {
  const rows = Object.entries(properties).map(([key, schema]) => {
    const missing = required.includes(key) ? '' : html` <span class="quiet">(may be missing)</span>`;
    return html`<tr><td><code>${key}</code></td><td>${toType(schema)}${missing}</td><td>${prose(schema.description ?? '')}</td></tr>`;
  });
  return html`<table>
${rows}
</table>`;
}

function toType(schema: Schema): Html {
  const { type, items, anyOf, format, properties, additionalProperties } = schema;
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return html`<a href="#${name}">${name}</a>`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum !== undefined)
    return joined(
      schema.enum.map((value) => html`<code>${JSON.stringify(value)}</code>`),
      ', ',
    );
  if (anyOf !== undefined) return joined(anyOf.map(toType), ' or ');
  if (items !== undefined) return html`list of ${toType(items)}`;
  if (properties !== undefined) return toProperties(schema);
  if (typeof additionalProperties === 'object') return html`object of ${toType(additionalProperties)}`;
  return html`${[type ?? 'any value', format === undefined ? '' : `(${format})`].flat().join(' ').trim()}`;
}

function joined(parts: readonly Html[], separator: string): Html {
  return parts.reduce((all, part, index) => (index === 0 ? part : html`${all}${separator}${part}`), html``);
}
