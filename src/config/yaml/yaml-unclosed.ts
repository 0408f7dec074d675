import { YAMLException } from 'js-yaml';
import { readEvents } from './yaml-events.js';

/** Each try reads the file up to a bracket or quote; more of them than this do not stand in one value. */
const MAX_TRIES = 50;
/** Of a larger file, only the place where the parser stopped is told. */
const MAX_CHARS = 256 * 1024;

/**
 * Where the bracket or quote opens that is still open at `offset`: the parser says only where it noticed. It is the last
 * one before which the text is good as soon as a plain value stands in its place; before all that come after it, the text
 * holds the open one itself. Undefined when it cannot be found.
 */
export function findUnclosed(text: string, offset: number): number | undefined {
  if (offset > MAX_CHARS) return undefined;
  const isQuote = isInQuotes(whyBad(text.slice(0, offset).trimEnd()));
  let at = offset;
  for (let tries = 0; tries < MAX_TRIES && at > 0; tries += 1) {
    at = Math.max(...(isQuote ? ['"', "'"] : ['[', '{']).map((each) => text.lastIndexOf(each, at - 1)));
    if (at === -1) return undefined;
    const reason = whyBad(`${text.slice(0, at)}x`);
    // The brackets around a quote are open before it as well.
    if (reason === undefined || (isQuote && isInBrackets(reason))) return at;
  }
  return undefined;
}

function isInQuotes(reason: string | undefined): boolean {
  return reason?.endsWith('quoted scalar') ?? false;
}

function isInBrackets(reason: string): boolean {
  return reason.endsWith('flow collection');
}

function whyBad(text: string): string | undefined {
  try {
    readEvents(text);
    return undefined;
  } catch (error) {
    if (error instanceof YAMLException) return error.reason;
    throw error;
  }
}
