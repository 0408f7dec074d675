import { ANONYMOUS } from '../../caller/index.js';
import { loadEndpointFolders } from '../../config/index.js';
import {
  type EndpointCatalog,
  type EndpointDefinition,
  EndpointSet,
  explainMissing,
  explainPolicies,
  loadEndpoints,
  type PolicyExplanation,
} from '../../endpoints/index.js';
import { visible } from '../../errors/index.js';
import { endpointReport } from '../../project/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { readCaller } from '../command/endpoint-calls.js';
import { readJsonObject, readParameters } from '../command/json-arguments.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';

/** Opens no database and calls nothing, so it also works beside a running server. It explains the files on disk. */
export const run: CommandModule['run'] = async ([name = ''], options, context) => {
  const settings = loadProjectSettings(options, context);
  const catalog = await loadEndpoints(await loadEndpointFolders(settings));
  const definition = findDefinition(catalog, name);
  const { user, headers } = readCaller(options, context);
  const explanation = explainPolicies(
    new EndpointSet(catalog, { enabled: false, externalAccess: false, severalStatements: false, descriptions: {} }),
    {
      definition,
      caller: { ...(user ?? ANONYMOUS), ...headers },
      parameters: readParameters(options['param'], context.cwd),
      response: readResponse(options, context),
    },
  );
  if (options['json'] === true) context.output.json({ status: 'ok', result: toJson(definition, explanation) });
  else print(definition, explanation, context.output);
  return 0;
};

/** A tool, a resource by its name or URI, or a prompt. Throws `endpoint_not_found`, and the problems of its file. */
function findDefinition(catalog: EndpointCatalog, name: string): EndpointDefinition {
  const found = catalog.endpoints.find((each) => each.name === name || (each.kind === 'resource' && each.uri === name));
  if (found !== undefined) return found;
  const failures = catalog.failures.filter((each) => each.name === name);
  if (failures.length > 0) throw endpointReport(failures);
  throw explainMissing(catalog, { kind: 'tool', name, hasSqlTools: false });
}

/** Any JSON value; the options read objects, so it is one member of an object here. */
function readResponse(options: Options, { cwd }: CommandContext): { readonly value: unknown } | undefined {
  const given = options['response'];
  if (given === undefined) return undefined;
  const text = String(given);
  const wrapped = text.startsWith('@') ? readParameters([`response=${text}`], cwd) : undefined;
  return { value: wrapped?.['response'] ?? readJsonObject('--response', `{"value":${text}}`, cwd)?.['value'] };
}

function toJson({ kind, name, path }: EndpointDefinition, explanation: PolicyExplanation): unknown {
  const { decision, reason, decidedBy, rules } = explanation;
  return { type: kind, name, path, decision, reason, decided_by: decidedBy, rules };
}

function print({ kind, name, policies }: EndpointDefinition, explanation: PolicyExplanation, output: Output): void {
  const { decision, reason, decidedBy, rules } = explanation;
  const label = `${kind} "${name}"`;
  if (policies === undefined) return output.print(visible(`${label} has no policies: every caller may call it`));
  const why = reason === null ? '' : `: ${reason}`;
  output.print(visible(decision === 'deny' ? `${label} is denied by ${decidedBy}${why}` : `${label} is allowed`));
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
