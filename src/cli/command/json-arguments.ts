import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileReasonOf, messageOf, MxcpError, toOneLine } from '../../errors/index.js';

/**
 * Reads `-p name=value` options. A value stays text, which the endpoint converts to the declared type; `name=@file.json` takes
 * the value from a file, and a text that begins with `@` is written with two. Throws `usage`.
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
  if (value.startsWith('@@')) return [name, value.slice(1)];
  if (!value.startsWith('@')) return [name, value];
  return [name, readJsonFile(value.slice(1), cwd, `; for the text "${value}" write ${name}=@${value}`)];
}

/** Reads an option that is a JSON object, or `@file.json`. Undefined when it is not given. Throws `usage`. */
export function readJsonObject(
  option: string,
  given: unknown,
  cwd: string,
): Readonly<Record<string, unknown>> | undefined {
  if (given === undefined) return undefined;
  const text = String(given);
  const value = text.startsWith('@') ? readJsonFile(text.slice(1), cwd) : parseJson(text, option);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new MxcpError('usage', `${option} must be a JSON object, such as '{"username": "ada"}'`);
}

function readJsonFile(path: string, cwd: string, hint = ''): unknown {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw new MxcpError('usage', `cannot read the file "${path}": ${fileReasonOf(error)}${hint}`, { cause: error });
  }
  return parseJson(text, `the file "${path}"`);
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Node ends some of its messages with the text and the same words.
    const reason = messageOf(error).replace(/, .* is not valid JSON$/s, '');
    throw new MxcpError('usage', `${source} is not valid JSON: ${toOneLine(reason)}`, { cause: error });
  }
}
