import { MxcpError, nearSuggestion } from '../../errors/index.js';
import {
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointKind,
  endpointLabel,
} from './endpoint-definition.js';
import { UriTemplate } from './uri-template.js';

interface EndpointChoice {
  readonly kind: EndpointKind;
  readonly name: string;
  readonly hasSqlTools: boolean;
}

/**
 * The catalog for calling one endpoint: it leaves out the other endpoints and their failures. Throws `endpoint_not_found`.
 */
export function selectEndpoint(catalog: EndpointCatalog, choice: EndpointChoice): EndpointCatalog {
  const isChosen = (each: { readonly kind: EndpointKind | null; readonly name: string | null }): boolean =>
    each.kind === choice.kind && each.name === choice.name;
  const hasName = ({ name }: EndpointDefinition): boolean => name === choice.name;
  const failures = catalog.failures.filter(isChosen);
  // A resource is also found by a URI that matches its template, so all resources stay.
  const endpoints = catalog.endpoints.filter(
    (endpoint) => isChosen(endpoint) || (choice.kind === 'resource' && endpoint.kind === 'resource'),
  );
  const isBuiltIn = choice.hasSqlTools && choice.kind === 'tool' && SQL_TOOL_NAMES.includes(choice.name);
  const isOfOtherKind = choice.kind === 'resource' && !endpoints.some(isChosen) && catalog.endpoints.some(hasName);
  if ((endpoints.length === 0 && failures.length === 0 && !isBuiltIn) || isOfOtherKind)
    throw explainMissing(catalog, choice);
  return { ...catalog, endpoints, failures };
}

/** Why the project on disk has no such endpoint. */
export function explainMissing(catalog: EndpointCatalog, { kind, name, hasSqlTools }: EndpointChoice): MxcpError {
  const disabled = catalog.disabled.find((each) => each.kind === kind && each.name === name);
  if (disabled !== undefined) {
    const reason = `is switched off with \`enabled: false\` in ${disabled.path}`;
    return new MxcpError('endpoint_not_found', `the ${endpointLabel(kind, name)} ${reason}`);
  }
  const known = [...catalog.endpoints, ...catalog.failures].filter((each) => each.kind === kind);
  const names = known.flatMap((each) => each.name ?? []);
  const builtIn = hasSqlTools && kind === 'tool' ? SQL_TOOL_NAMES : [];
  const suggestion = nearSuggestion(name, [...names, ...builtIn]);
  const unread = known.flatMap((each) => (each.name === null ? each.path : []));
  const doubt =
    unread.length === 0
      ? ''
      : ` (unless it is in ${unread.join(', ')}, which ${unread.length === 1 ? 'has' : 'have'} errors; \`mxcp validate\` shows them)`;
  const other = explainOtherKind(catalog, { kind, name });
  return new MxcpError('endpoint_not_found', `there is no ${endpointLabel(kind, name)}${doubt}${other ?? suggestion}`);
}

/** A file is easily given in place of the endpoint in it, and one kind in place of another. */
function explainOtherKind(
  { endpoints }: EndpointCatalog,
  { kind, name }: Pick<EndpointChoice, 'kind' | 'name'>,
): string | undefined {
  const path = name.replace(/^\.\//, '');
  const inFile = endpoints.find((each) => each.path === path);
  if (inFile !== undefined) return `; that file has the ${inFile.kind} \`${inFile.name}\``;
  const other = endpoints.find((each) => each.kind !== kind && (each.name === name || isAt(each, name)));
  return other && `; "${name}" is a ${other.kind}`;
}

function isAt(endpoint: EndpointDefinition, uri: string): boolean {
  return endpoint.kind === 'resource' && new UriTemplate(endpoint.uri).match(uri) !== undefined;
}

/** The names of the built-in SQL tools, reserved while these are switched on. */
export const SQL_TOOL_NAMES: readonly string[] = ['execute_sql_query', 'list_tables', 'get_table_schema'];
