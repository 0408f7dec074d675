import type { z } from 'zod';
import { MxcpError, nearestName } from '../../errors/index.js';

/** Throws `bad_request` for an option that the route does not have, stands twice, or has a value it cannot have. */
export function parseQuery<S extends z.ZodObject>(schema: S, search: string): z.infer<S> {
  const given: Record<string, string> = {};
  const known = Object.keys(schema.shape);
  for (const [name, value] of new URLSearchParams(search)) {
    if (!known.includes(name)) throw unknownName('query option', name, known);
    if (Object.hasOwn(given, name)) {
      throw new MxcpError('bad_request', `query option "${name}" is given twice; give it once`);
    }
    given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MxcpError('bad_request', `query option "${String(issue?.path[0])}" ${issue?.message}`);
}

/**
 * Checks the body of a route that takes one. Nothing and `{}` are the same. Throws `bad_request`.
 */
export function checkBody(schema: z.ZodObject, body: Buffer): void {
  const text = decodeBody(body);
  if (text.trim() === '') return;
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MxcpError('bad_request', 'the body must be a JSON object, or empty');
  }
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('body field', unknown, known);
}

function decodeBody(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body is not UTF-8', { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MxcpError('bad_request', 'the body is not valid JSON; send a JSON object, or nothing', {
      cause,
    });
  }
}

function unknownName(what: string, name: string, known: readonly string[]): MxcpError {
  const nearest = nearestName(name, known);
  const taken = known.length === 0 ? 'this route takes none' : `this route takes ${known.join(', ')}`;
  const advice = nearest === undefined ? taken : `did you mean "${nearest}"?`;
  return new MxcpError('bad_request', `unknown ${what} ${JSON.stringify(name.slice(0, 100))}; ${advice}`);
}
