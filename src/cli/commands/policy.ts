import { ANONYMOUS } from '../../caller/index.js';
import { loadEndpointFolders, loadProtection, loadSqlToolPolicies } from '../../config/index.js';
import {
  createSqlTools,
  type EndpointCatalog,
  EndpointSet,
  type ExplainedEndpoint,
  explainMissing,
  explainPolicies,
  explainRows,
  loadEndpoints,
  type PolicyExplanation,
  type RowExplanation,
  toExplained,
} from '../../endpoints/index.js';
import { visible } from '../../errors/index.js';
import type { ServerSettings } from '../../settings/index.js';
import { endpointReport } from '../../project/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { readCaller } from '../command/endpoint-calls.js';
import { readJsonObject, readParameters } from '../command/json-arguments.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';

/** Opens no database and calls nothing, so it also works beside a running server. It explains the files on disk. */
export const run: CommandModule['run'] = async ([name = ''], options, context) => {
  const settings = loadProjectSettings(options, context);
  const folders = await loadEndpointFolders(settings);
  const catalog = await loadEndpoints(folders);
  const definition =
    (await findSqlTool(settings, folders.sqlTools, name)) ?? findDefinition(catalog, name, folders.sqlTools.enabled);
  const { user, headers } = readCaller(options, context);
  const caller = { ...(user ?? ANONYMOUS), ...headers };
  const explanation = explainPolicies(new EndpointSet(catalog, folders.sqlTools), {
    definition,
    caller,
    parameters: readParameters(options['param'], context.cwd),
    response: readResponse(options, context),
  });
  const rows = explainRows(definition, caller, await loadProtection(settings));
  if (options['json'] === true) {
    context.output.json({ status: 'ok', result: { ...toJson(definition, explanation), row_rules: rows ?? null } });
    return 0;
  }
  print(definition, explanation, context.output);
  if (rows !== undefined) printRows(rows, context.output);
  return 0;
};

type SqlTools = Awaited<ReturnType<typeof loadEndpointFolders>>['sqlTools'];

async function findSqlTool(
  settings: ServerSettings,
  sqlTools: SqlTools,
  name: string,
): Promise<ExplainedEndpoint | undefined> {
  const tool = createSqlTools(sqlTools).find((each) => each.name === name);
  if (tool === undefined) return undefined;
  const { policies, parameters, placeOf } = await loadSqlToolPolicies(settings);
  return { ...tool, path: 'mxcp-site.yml', parameters, policies, scopes: [], rateLimit: undefined, placeOf };
}

/** A tool, a resource by its name or URI, or a prompt. Throws `endpoint_not_found`, and the problems of its file. */
function findDefinition(catalog: EndpointCatalog, name: string, hasSqlTools: boolean): ExplainedEndpoint {
  const found = catalog.endpoints.find((each) => each.name === name || (each.kind === 'resource' && each.uri === name));
  if (found !== undefined) return toExplained(found);
  const failures = catalog.failures.filter((each) => each.name === name);
  if (failures.length > 0) throw endpointReport(failures);
  throw explainMissing(catalog, { kind: 'tool', name, hasSqlTools });
}

/** Any JSON value; the options read objects, so it is one member of an object here. */
function readResponse(options: Options, { cwd }: CommandContext): { readonly value: unknown } | undefined {
  const given = options['response'];
  if (given === undefined) return undefined;
  const text = String(given);
  const wrapped = text.startsWith('@') ? readParameters([`response=${text}`], cwd) : undefined;
  return { value: wrapped?.['response'] ?? readJsonObject('--response', `{"value":${text}}`, cwd)?.['value'] };
}

function toJson({ kind, name, path }: ExplainedEndpoint, explanation: PolicyExplanation) {
  const { decision, reason, decidedBy, rules, scopes, rateLimit } = explanation;
  const limit = rateLimit && { calls: rateLimit.calls, per: rateLimit.per, by: rateLimit.by };
  const beside = { scopes, rate_limit: limit ?? null };
  return { type: kind, name, path, decision, reason, decided_by: decidedBy, rules, ...beside };
}

function print(
  { kind, name, policies, scopes }: ExplainedEndpoint,
  explanation: PolicyExplanation,
  output: Output,
): void {
  const { decision, reason, decidedBy, rules } = explanation;
  const label = `${kind} "${name}"`;
  if (policies === undefined && scopes.length === 0 && explanation.rateLimit === undefined)
    return output.print(visible(`${label} has no policies: every caller may call it`));
  const why = reason === null ? '' : `: ${reason}`;
  output.print(visible(decision === 'deny' ? `${label} is denied by ${decidedBy}${why}` : `${label} is allowed`));
  if (explanation.rateLimit !== undefined) {
    const { calls, per, by } = explanation.rateLimit;
    output.print(visible(`at most ${calls} calls in ${per} are allowed, counted by ${by}`));
  }
  for (const rule of rules) {
    const effect = rule.enforce === 'log' ? `${rule.action}, only logged` : rule.action;
    output.print('');
    output.print(visible(`${rule.rule} ${rule.result}: ${effect} (${rule.place})`));
    output.print(visible(`  ${rule.condition.trim()}`));
    for (const [text, value] of Object.entries(rule.values))
      output.print(visible(`  ${text} is ${JSON.stringify(value)}`));
    if (rule.error !== null) output.print(visible(`  ${rule.error}`));
  }
}

function printRows({ applies, tables, values }: RowExplanation, output: Output): void {
  output.print('');
  if (!applies) return output.print('`protect` lists it as `unfiltered`: its SQL sees all rows');
  output.print('of these tables, its SQL sees what `protect` allows:');
  for (const { table, place, rows, masks } of tables) {
    output.print(visible(`${table}: ${rows === null ? 'all rows' : `rows where ${rows.trim()}`} (${place})`));
    for (const [column, expression] of Object.entries(masks))
      output.print(visible(`  ${column} as ${expression.trim()}`));
  }
  for (const [call, value] of Object.entries(values)) output.print(visible(`  ${call} is ${JSON.stringify(value)}`));
}
