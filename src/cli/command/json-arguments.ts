import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf, MxcpError } from '../../errors/index.js';

/**
 * Reads `-p name=value` options. A value stays text, which the endpoint converts to the declared type; `name=@file.json` takes
 * the value from a file. Throws `usage`.
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
  if (split < 1)
    throw new MxcpError('usage', `--param must be name=value or name=@file.json, not ${JSON.stringify(text)}`);
  const name = text.slice(0, split);
  const value = text.slice(split + 1);
  return [name, value.startsWith('@') ? readJsonFile(value.slice(1), cwd) : value];
}

/** Reads an option that is a JSON object, or `@file.json`. Throws `usage`. */
export function readJsonObject(option: string, given: unknown, cwd: string): Readonly<Record<string, unknown>> {
  if (given === undefined) return {};
  const text = String(given);
  const value = text.startsWith('@') ? readJsonFile(text.slice(1), cwd) : parseJson(text, option);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new MxcpError('usage', `${option} must be a JSON object, such as '{"username": "ada"}'`);
}

function readJsonFile(path: string, cwd: string): unknown {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw new MxcpError('usage', `cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  return parseJson(text, `"${path}"`);
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MxcpError('usage', `${source} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}
