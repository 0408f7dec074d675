import { clip, suggestion } from '../../errors/index.js';
import { checkTemplate } from '../../prompts/index.js';
import { findContent, type Paging, type TypeDefinition } from '../../values/index.js';
import type { Finding, KeyPath } from '../../yaml/index.js';
import { checkContentTypes } from './content-rules.js';
import type { ConfirmFields, EndpointParts } from './definition-schema.js';
import type { ConfirmRule } from './endpoint-definition.js';
import { checkMessage } from './message-rules.js';
import { checkType, type DefaultCheck, warnOfMembers, warnOfType } from './type-rules.js';
import { checkUpdates, warnOfReadOnly } from './update-rules.js';
import { UriTemplate } from './uri-template.js';

/** The names that no client refuses or changes, of tools and of prompts. */
const PORTABLE_NAME = /^[A-Za-z_][\w-]{0,63}$/;

/** Checks what the schema cannot: how the parts of an endpoint fit each other, its types and its templates. */
export function checkRules(parts: EndpointParts, defaults: DefaultCheck) {
  const { kind, parameters, returns, messages } = parts;
  const types: [KeyPath, TypeDefinition | undefined][] = [
    ...parameters.map((type, index): [KeyPath, typeof type] => [[kind, 'parameters', index], type]),
    [[kind, 'return'], returns],
  ];
  const mistakes = [
    ...findRepeatedNames(parts),
    ...checkUri(parts),
    ...checkContentTypes(parts),
    ...checkPaging(parts),
    ...checkCompletions(parts),
    ...checkConfirm(parts),
    ...checkUpdates(parts, (name) => undeclaredReason(name, parts)),
  ];
  const warnings = [...warnOfNames(parts), ...warnOfUnused(parts), ...warnOfReadOnly(parts)];
  for (const [at, type] of types) {
    if (type === undefined) continue;
    const found = checkType(type, at);
    mistakes.push(...found);
    // A default is checked only against a type without mistakes.
    if (type !== returns && found.length === 0) mistakes.push(...defaults.check(type, at));
    warnings.push(...warnOfType(type, at), ...(type === returns ? [] : warnOfMembers(type, at)));
  }
  for (const [index, message] of messages.entries()) {
    const found = message === undefined ? [] : checkMessage(message, (name) => undeclaredReason(name, parts));
    for (const { isWarning, at, ...rest } of found) {
      const finding = { at: [kind, 'messages', index, ...at], ...rest };
      (isWarning === true ? warnings : mistakes).push(finding);
    }
  }
  return { mistakes, warnings };
}

function findRepeatedNames({ kind, declared }: EndpointParts): Finding[] {
  const seen = new Set<string>();
  return declared.flatMap((name, index) => {
    const isRepeated = name !== undefined && seen.has(name);
    if (name !== undefined) seen.add(name);
    if (!isRepeated) return [];
    return [{ at: [kind, 'parameters', index, 'name'], message: `parameter "${name}" is declared twice` }];
  });
}

/** Only a list has parts, and its tool gets two more arguments. */
function checkPaging({ kind, paging, returns, declared }: EndpointParts): Finding[] {
  if (paging === undefined) return [];
  const mistakes = declared.flatMap((name, index) => {
    const lower = name?.toLowerCase();
    if (lower !== 'limit' && lower !== paging) return [];
    const message = `\`paging\` adds the parameter "${lower}"; remove this one, or remove \`paging\` to page in the SQL or the function`;
    return [{ at: [kind, 'parameters', index, 'name'], message }];
  });
  const reason = explainNoPages(paging, returns);
  return reason === undefined ? mistakes : [...mistakes, { at: [kind, 'paging'], message: reason }];
}

function explainNoPages(paging: Paging, returns: TypeDefinition | undefined): string | undefined {
  if (returns !== undefined && returns.type !== 'array')
    return `\`paging\` is for lists, but \`return\` declares the type ${returns.type}`;
  if (paging === 'offset' || findContent(returns, '') === undefined) return undefined;
  return '`paging: cursor` is for rows of JSON, but `return` declares content with `mime_type`; use `paging: offset`';
}

/** By this name, the SQL of a completion reads what a person has typed. */
export const COMPLETED_TEXT = 'prefix';

function checkCompletions({ kind, parameters, declared }: EndpointParts): Finding[] {
  return parameters.flatMap((parameter, index) => {
    if (parameter?.complete === undefined) return [];
    const at = [kind, 'parameters', index, 'complete'];
    if (kind === 'tool')
      return [{ at, message: 'clients complete arguments of prompts and resources only; remove it' }];
    if (!declared.some((name) => name === COMPLETED_TEXT && name !== parameter.name)) return [];
    const message = `$${COMPLETED_TEXT} is what was typed, so no other parameter can have the name "${COMPLETED_TEXT}"`;
    return [{ at, message }];
  });
}

/**
 * Claude and OpenAI accept names of 64 characters without dots, Gemini besides none that begins with a digit or a "-". They
 * refuse a whole request for one name, so all servers of a client stop working.
 */
function warnOfNames({ kind, name, declared }: EndpointParts): Finding[] {
  const findings: Finding[] = declared.flatMap((parameter, index) => {
    if (parameter === undefined || parameter.length <= 64) return [];
    const message = `parameter "${clip(parameter, 100)}" has more than 64 characters; some clients refuse all ${kind}s for that`;
    return [{ at: [kind, 'parameters', index, 'name'], message }];
  });
  if (kind === 'resource' || name === undefined || PORTABLE_NAME.test(name)) return findings;
  const message = `some clients refuse all ${kind}s because of the name "${name}"; begin with a letter or "_", then use at most 63 letters, digits, "_" and "-"`;
  return [{ at: [kind, 'name'], message }, ...findings];
}

/** A parameter that no message of a prompt reads. Other endpoints are refused for that; prompts of this kind are served. */
function warnOfUnused({ kind, declared, messages }: EndpointParts): Finding[] {
  if (kind !== 'prompt' || messages.includes(undefined)) return [];
  const texts = messages.flatMap((message) => [message?.prompt ?? [], message?.uri ?? []].flat());
  const tags = texts.flatMap((text) => text.split(/\{\{|\{%/).slice(1));
  const used = new Set(tags.flatMap((tag) => tag.split(/\}\}|%\}/, 1)[0]?.match(/\w+/g) ?? []));
  return declared.flatMap((name, index) => {
    if (name === undefined || used.has(name) || !/^\w+$/.test(name)) return [];
    const message = (): string => `parameter "${name}" is in no message; ${adviseUse(name, texts.join('\n'))}`;
    return [{ at: [kind, 'parameters', index, 'name'], message }];
  });
}

function adviseUse(name: string, text: string): string {
  const written = new RegExp(`\\$\\{${name}\\}|\\$${name}\\b|\\{${name}\\}|%\\(${name}\\)s`);
  const [slip] = written.exec(text) ?? [];
  return slip === undefined ? `use {{ ${name} }} or remove the parameter` : `write {{ ${name} }} instead of ${slip}`;
}

/** Each placeholder of a URI must be a declared parameter, and each parameter must be in the URI. */
function checkUri({ kind, uri, declared }: EndpointParts): Finding[] {
  if (uri === undefined) return [];
  const at = [kind, 'uri'];
  const { placeholders, syntaxError } = new UriTemplate(uri);
  if (syntaxError !== undefined) return [{ at, message: `the URI ${syntaxError}` }];
  const undeclared = placeholders.flatMap((name) => {
    if (isDeclared(name, declared)) return [];
    return [{ at, message: () => `the URI uses {${name}}, which ${explainUndeclared(name, declared)}` }];
  });
  const unused = declared.flatMap((name, index) => {
    if (name === undefined || placeholders.includes(name)) return [];
    const message = `parameter "${name}" is not in the URI ${clip(uri, 100)}; add {${name}} to the URI or remove the parameter`;
    return [{ at: [kind, 'parameters', index, 'name'], message }];
  });
  return [...undeclared, ...unused];
}

/** As long as the name of a parameter is unreadable, it may be the one, so any name counts. */
function isDeclared(name: string, declared: EndpointParts['declared']): boolean {
  return declared.includes(name) || declared.includes(undefined);
}

function undeclaredReason(name: string, { declared }: EndpointParts): (() => string) | undefined {
  return isDeclared(name, declared) ? undefined : () => explainUndeclared(name, declared);
}

function explainUndeclared(name: string, declared: EndpointParts['declared']): string {
  const known = declared.filter((each) => each !== undefined);
  return `is not a declared parameter${suggestion(name, known)}`;
}

/** How many rows the SQL would change. A parameter of that name comes first. */
const ROWS = 'rows';

/** The question of an endpoint reads declared parameters, and `rows` where SQL may change some. */
function checkConfirm({ kind, confirm, declared, run }: EndpointParts): Finding[] {
  if (confirm === undefined) return [];
  const at = [kind, 'confirm', ...(typeof confirm === 'string' ? [] : ['message'])];
  const { mistakes, variables } = checkTemplate(textOf(confirm));
  const undeclared = variables.flatMap(({ name, line }): Omit<Finding, 'at'>[] => {
    if (isDeclared(name, declared)) return [];
    if (name !== ROWS)
      return [{ line, message: () => `the question reads "${name}", which ${explainUndeclared(name, declared)}` }];
    if (run !== undefined && run.language !== 'python') return [];
    return [{ line, message: 'the question reads "rows", which only an endpoint with SQL has' }];
  });
  return [...mistakes, ...undeclared].map((each) => ({ at, ...each }));
}

function textOf(confirm: ConfirmFields): string {
  return typeof confirm === 'string' ? confirm : confirm.message;
}

export function toConfirmRule(confirm: ConfirmFields, parameters: readonly { readonly name: string }[]): ConfirmRule {
  const message = textOf(confirm);
  const readsRows = checkTemplate(message).variables.some(({ name }) => name === ROWS);
  const whenUnsupported = (typeof confirm === 'string' ? undefined : confirm.when_unsupported) ?? 'refuse';
  return { message, whenUnsupported, countsRows: readsRows && !parameters.some(({ name }) => name === ROWS) };
}
