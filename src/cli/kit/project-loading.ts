import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ResolvedConfig } from '../../config/index.js';
import { formatProblem, messageOf, MxcpError } from '../../errors/index.js';
import { createLogger, type Logger, Scrubber } from '../../logging/index.js';
import { loadConfig } from '../../project/index.js';
import { loadSettings, type ServerSettings } from '../../settings/index.js';
import type { CommandContext, Options } from './command.js';
import type { Output } from './output.js';
import { toSettingFlags } from './setting-options.js';

/** Throws `usage`, `project_not_found`. */
export function loadProjectSettings(options: Options, { env, cwd }: CommandContext): ServerSettings {
  return loadSettings({ flags: toSettingFlags(options), env, cwd });
}

/**
 * The configuration of the project on the same path as the server takes. From here on its secret values are kept out of
 * everything that goes to standard error. Throws what loading a configuration throws.
 */
export async function loadProjectConfig(
  settings: ServerSettings,
  { env, output }: CommandContext,
): Promise<ResolvedConfig> {
  const config = await loadConfig(settings, env);
  const scrubber = new Scrubber();
  scrubber.register(config.secretValues.map((secret) => secret.reveal()));
  output.scrubWith((text) => scrubber.scrub(text));
  for (const warning of config.warnings) output.warn(`Warning: ${formatProblem(warning)}`);
  return config;
}

/** For what Python code prints and warns while a command runs: standard error, as the log of a server would have it. */
export function createCommandLogger(output: Output, { debug, logFormat }: ServerSettings): Logger {
  return createLogger({
    level: debug ? 'debug' : 'info',
    format: logFormat,
    // The output has a scrubber that knows the secrets.
    scrubber: new Scrubber(),
    sinks: [(line) => output.writeError(line)],
  });
}

/**
 * Reads `-p name=value` options. A value stays text, and its type makes of it what it declares; `name=@file.json` is the
 * value that the file holds. Throws `usage`.
 */
export function readParameters(given: unknown, cwd: string): Readonly<Record<string, unknown>> {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [];
  const entries = texts.map((text) => readParameter(String(text), cwd));
  const names = entries.map(([name]) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new MxcpError('usage', `parameter "${repeated}" is given twice`);
  return Object.fromEntries(entries);
}

function readParameter(text: string, cwd: string): [string, unknown] {
  const split = text.indexOf('=');
  if (split < 1) {
    throw new MxcpError('usage', `--param takes name=value or name=@file.json, not ${JSON.stringify(text)}`);
  }
  const name = text.slice(0, split);
  const value = text.slice(split + 1);
  return [name, value.startsWith('@') ? readJsonFile(value.slice(1), cwd) : value];
}

/** Reads an option that is a JSON object, or `@file.json`. Throws `usage`. */
export function readJsonObject(
  option: string,
  given: unknown,
  cwd: string,
): Readonly<Record<string, unknown>> {
  if (given === undefined) return {};
  const text = String(given);
  const value = text.startsWith('@') ? readJsonFile(text.slice(1), cwd) : parseJson(text, option);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new MxcpError('usage', `${option} must be a JSON object, like '{"username": "ada"}'`);
}

function readJsonFile(path: string, cwd: string): unknown {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw new MxcpError('usage', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  return parseJson(text, path);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MxcpError('usage', `${where} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
