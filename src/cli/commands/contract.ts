import { lstatSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pc from 'picocolors';
import {
  compareContracts,
  type Contract,
  type ContractChange,
  formatContract,
  parseContract,
  toContract,
  toGroupContracts,
} from '../../compatibility/index.js';
import { loadEndpointFolders, loadGroupRules, loadPresentation } from '../../config/index.js';
import { EndpointSet, findGroupProblems, loadEndpoints } from '../../endpoints/index.js';
import {
  errorCodeOf,
  fileReasonOf,
  invalidConfig,
  isMissing,
  MxcpError,
  plural,
  visible,
  visibleLines,
} from '../../errors/index.js';
import { endpointReport } from '../../project/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';

const DEFAULT_FILE = 'mxcp-contract.json';

/** Opens no database and resolves no reference, so it also works beside a running server. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const isCheck = options['check'] === true;
  if (options['strict'] === true && !isCheck) throw new MxcpError('usage', '--strict is for --check');
  const settings = loadProjectSettings(options, context);
  const folders = await loadEndpointFolders(settings);
  const catalog = await loadEndpoints(folders);
  // A file with errors would look like an endpoint that was removed.
  if (catalog.failures.length > 0) throw endpointReport(catalog.failures);
  const rules = await loadGroupRules(settings);
  const problems = findGroupProblems({ groups: rules, sqlTools: folders.sqlTools }, catalog, settings);
  if (problems.length > 0) throw invalidConfig(problems);
  const groups = toGroupContracts(rules, catalog.endpoints, folders.sqlTools.enabled);
  const endpoints = new EndpointSet(catalog, folders.sqlTools);
  const contract = toContract(endpoints, await loadPresentation(settings), groups);
  const given = options['output'];
  const place = given === undefined ? join(settings.projectRoot, DEFAULT_FILE) : toPlace(String(given), context);
  return isCheck ? check(contract, place, { options, context }) : write(contract, place, { options, context });
};

interface Invocation {
  readonly options: Options;
  readonly context: CommandContext;
}

const STANDARD_STREAM = '-';

function toPlace(given: string, { cwd }: CommandContext): string {
  return given === STANDARD_STREAM ? given : resolve(cwd, given);
}

function wantsJson(options: Options): boolean {
  return options['jsonOutput'] === true || options['json'] === true;
}

function write(contract: Contract, place: string, { options, context: { output } }: Invocation): number {
  const text = formatContract(contract);
  if (place === STANDARD_STREAM) {
    output.write(text);
    return 0;
  }
  const isChanged = text !== readIfThere(place);
  if (isChanged) replaceFile(place, text);
  const { tools, resources, prompts } = contract;
  const counts = { tools: tools.length, resources: resources.length, prompts: prompts.length };
  if (wantsJson(options))
    output.json({ status: 'ok', result: { status: 'ok', path: place, changed: isChanged, ...counts } });
  else {
    const listed = Object.entries(counts).map(([noun, count]) => plural(count, noun.slice(0, -1)));
    output.print(`${isChanged ? 'wrote' : 'unchanged:'} ${visible(place)} (${listed.join(', ')})`);
  }
  return 0;
}

/** Undefined for whatever cannot be read: writing then says why. */
function readIfThere(path: string): string | undefined {
  try {
    return lstatSync(realpathSync(path)).isFile() ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. What is no regular file, such as `/dev/null`, is written to as it is. */
function replaceFile(path: string, text: string): void {
  try {
    const target = realPathOf(path);
    if (target === undefined || lstatSync(target).isFile()) replaceWhole(target ?? path, text);
    else writeFileSync(target, text);
  } catch (error) {
    const message = `cannot write ${path}: ${fileReasonOf(error)}; choose another file with --output`;
    throw new MxcpError('output_failed', message, { cause: error });
  }
}

/** Undefined if nothing is there. */
function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function replaceWhole(path: string, text: string): void {
  const next = `${path}.${process.pid}.new`;
  try {
    writeFileSync(next, text, { flag: 'wx' });
    renameSync(next, path);
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') rmSync(next, { force: true });
    throw error;
  }
}

function check(contract: Contract, place: string, { options, context: { output } }: Invocation): number {
  const changes = compareContracts(readContract(place), contract);
  const breaking = changes.filter(({ isBreaking }) => isBreaking).length;
  const isFailed = breaking > 0 || (options['strict'] === true && changes.length > 0);
  if (wantsJson(options)) output.json(toJson(changes, place, isFailed));
  else printChanges(changes, place, output);
  return isFailed ? 1 : 0;
}

function readContract(place: string): Contract {
  const label = place === STANDARD_STREAM ? 'the text on standard input' : place;
  return parseContract(readText(place, label), label);
}

function readText(place: string, label: string): string {
  try {
    return readFileSync(place === STANDARD_STREAM ? 0 : place, 'utf8');
  } catch (error) {
    const advice = isMissing(error) ? '; `mxcp contract` writes it, and you commit it' : '';
    throw new MxcpError('contract_invalid', `cannot read ${label}: ${fileReasonOf(error)}${advice}`, { cause: error });
  }
}

function toJson(changes: readonly ContractChange[], place: string, isFailed: boolean): unknown {
  const status = isFailed ? 'error' : 'ok';
  const listed = changes.map(({ isBreaking, ...change }) => ({
    severity: isBreaking ? 'breaking' : 'compatible',
    ...change,
  }));
  const breaking = changes.filter(({ isBreaking }) => isBreaking).length;
  const path = place === STANDARD_STREAM ? null : place;
  return { status, result: { status, path, breaking, compatible: changes.length - breaking, changes: listed } };
}

function printChanges(changes: readonly ContractChange[], place: string, output: Output): void {
  for (const { isBreaking, kind, name, message } of changes) {
    const label = (isBreaking ? 'breaking' : 'compatible').padEnd(11);
    const painted = output.isTerminal ? (isBreaking ? pc.red(label) : pc.green(label)) : label;
    output.print(
      `${painted} ${visibleLines(`${kind === 'resource' ? `resource ${name}` : `${kind} "${name}"`}: ${message}`)}`,
    );
  }
  const breaking = changes.filter(({ isBreaking }) => isBreaking).length;
  const compatible = changes.length - breaking;
  if (changes.length === 0) output.print('nothing changed for clients');
  else output.print(`${plural(breaking, 'breaking change')}, ${plural(compatible, 'compatible change')}`);
  if (changes.length === 0 || place === STANDARD_STREAM) return;
  const condition = breaking > 0 ? 'if this is intended, ' : '';
  output.print(`${condition}\`mxcp contract\` writes the file anew`);
}
