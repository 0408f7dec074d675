import { clip, type SourcePosition } from '../../errors/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import { toInputSchema } from '../../values/index.js';
import { isMapping, type KeyPath, toDotted } from '../../yaml/index.js';
import { type Client, CLIENT_LABELS, CLIENT_RULES, type SchemaPlace, TOOL_COUNT_RULES } from './client-rules.js';
import type { EndpointCatalog, ToolDefinition } from '../definitions/endpoint-definition.js';

/** What one client would refuse or change. */
export interface ClientFinding extends SourcePosition {
  readonly client: Client;
  /** The `id` of the rule. */
  readonly rule: string;
  /** Dotted path of the key; undefined for the whole project. */
  readonly location: string | undefined;
  readonly message: string;
  readonly suggestion: string;
}

/** Checks the tools against the rules of clients, in the order of tools and rules. Tools with errors reach no client. */
export function lintForClients(catalog: EndpointCatalog, clients: readonly Client[]): ClientFinding[] {
  const tools = catalog.endpoints.filter((endpoint) => endpoint.kind === 'tool');
  return [
    ...tools.flatMap((tool) => lintTool(tool, clients)),
    ...TOOL_COUNT_RULES.filter(({ client, most }) => clients.includes(client) && tools.length > most).map(
      ({ client, id, consequence, most }): ClientFinding => ({
        file: SITE_FILE_NAME,
        client,
        rule: id,
        location: undefined,
        message: `${CLIENT_LABELS[client]} ${consequence}: the project has ${tools.length} tools, and ${most} are allowed`,
        suggestion: 'divide it into several projects',
      }),
    ),
  ];
}

function lintTool(tool: ToolDefinition, clients: readonly Client[]): ClientFinding[] {
  const places = placesIn(tool);
  return CLIENT_RULES.filter(({ client }) => clients.includes(client)).flatMap(({ client, id, consequence, find }) =>
    find(tool, places).map(
      ({ at, reason, suggestion }): ClientFinding => ({
        ...tool.positions.key(...at),
        client,
        rule: id,
        location: toDotted(['tool', ...at]),
        message: `${CLIENT_LABELS[client]} ${consequence}: ${reason}`,
        suggestion,
      }),
    ),
  );
}

/** The schemas of all parameters and of what is within them, as clients get them. */
function placesIn({ parameters }: ToolDefinition): SchemaPlace[] {
  const { properties } = toInputSchema(parameters);
  const schemas = isMapping(properties) ? properties : {};
  return parameters.flatMap(({ name }, index) => {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    return walk(schema, { at: ['parameters', index], path: name, name, depth: 1 });
  });
}

interface Step extends Pick<SchemaPlace, 'at' | 'name' | 'depth'> {
  /** `address.zip`, `points[]` */
  readonly path: string;
}

function walk(schema: unknown, { at, path, name, depth }: Step): SchemaPlace[] {
  if (!isMapping(schema)) return [];
  const { properties, items } = schema;
  const below = (key: KeyPath, inner: string, own: string | undefined): Step => ({
    at: [...at, ...key],
    path: `${path}${inner}`,
    name: own,
    depth: depth + 1,
  });
  const members = isMapping(properties) ? Object.entries(properties) : [];
  return [
    { schema, at, label: `"${clip(path, 80)}"`, name, depth },
    // `items: {}` is made for clients, and has no declaration.
    ...(isMapping(items) && Object.keys(items).length > 0 ? walk(items, below(['items'], '[]', undefined)) : []),
    ...members.flatMap(([member, inner]) => walk(inner, below(['properties', member], `.${member}`, member))),
  ];
}
