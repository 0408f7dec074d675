import {
  type Alias,
  Composer,
  type CST,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { SCALAR_TAGS } from './dialect.js';
import { childrenOf, explainSyntaxError, MISTAKES, sortErrors, type YamlMistake } from './yaml-mistakes.js';

/** The nodes of one text with their places. Composing them takes four times as long as reading the values alone. */
export interface YamlDocument {
  readonly root: Node | null;
  readonly lines: LineCounter;
  /** The node that each alias repeats. */
  readonly targets: ReadonlyMap<Alias, Node>;
  /** Everything that is wrong, in the order of the text. */
  readonly mistakes: readonly YamlMistake[];
  /** The value; only valid when there are no mistakes. */
  readonly toValue: () => unknown;
}

/** Composes the nodes of a text. Never throws. */
export function composeDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const blocking = findInvisible(text) ?? findTooDeep(tokens);
  if (blocking !== undefined)
    return { root: null, lines, targets: new Map(), mistakes: [blocking], toValue: () => null };
  const composer = new Composer({
    schema: 'failsafe',
    customTags: SCALAR_TAGS,
    merge: true,
    stringKeys: true,
    resolveKnownTags: false,
    // The package compares each key with all others of its mapping, which takes seconds for 20,000 keys.
    uniqueKeys: false,
  });
  const documents = [...composer.compose(tokens, true, text.length)];
  const document = documents.find(({ contents }) => contents !== null);
  const root = document?.contents ?? null;
  const inspection = new Inspection(root, documents[1]?.range?.[0]);
  const errors = documents.flatMap((each) => [...each.errors, ...each.warnings]);
  return {
    root,
    lines,
    targets: inspection.targets,
    mistakes: findMistakes(inspection, errors, { text, tokens }),
    toValue: () => document?.toJS({ maxAliasCount: -1 }) ?? null,
  };
}

/**
 * Reports only the first error in the syntax, because most others follow from it. Nothing from its line on can be trusted
 * then, and above it only what does not depend on the lines below.
 */
function findMistakes(
  { certain, uncertain }: Inspection,
  errors: readonly YAMLError[],
  { text, tokens }: { readonly text: string; readonly tokens: readonly CST.Token[] },
): readonly YamlMistake[] {
  const { syntax, meaning } = sortErrors(errors);
  const [first] = syntax.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const inOrder = (mistakes: readonly YamlMistake[]): readonly YamlMistake[] =>
    mistakes.toSorted((a, b) => a.offset - b.offset);
  if (first === undefined) return inOrder([...certain, ...uncertain, ...meaning]);
  const mistake = explainSyntaxError(first, text, tokens);
  const lineStart = text.lastIndexOf('\n', mistake.offset - 1) + 1;
  return [...inOrder(certain).filter(({ offset }) => offset < lineStart), mistake];
}

/** Characters that no editor shows. The lexer gives a meaning of its own to three of them. */
const INVISIBLE = /[^\P{Cc}\t\n\r\u0085]|[\uFFFE\uFFFF]/u;

function findInvisible(text: string): YamlMistake | undefined {
  const offset = text.search(INVISIBLE);
  return offset === -1 ? undefined : { offset, message: MISTAKES.invisible };
}

const MAX_DEPTH = 100;

/** The composer calls itself for each level: 100,000 of them overflow the stack and end the process (yaml 2.9.1). */
function findTooDeep(tokens: readonly CST.Token[]): YamlMistake | undefined {
  let level = tokens;
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) level = level.flatMap(childrenOf);
  const [deepest] = level;
  return deepest && { offset: deepest.offset, message: MISTAKES.tooDeep };
}

/** More values than this repeated by aliases are no configuration but a file made to fill the memory. */
const MAX_REPEATED_VALUES = 10_000;

interface Anchored {
  readonly node: Node;
  /** How many values it holds with itself, those that aliases repeat included. */
  readonly size: number;
}

/** Follows the aliases of a document, and finds mistakes that the parser leaves to its caller. */
class Inspection {
  readonly targets = new Map<Alias, Node>();
  /** These hold even if the text below them has an error in its syntax. */
  readonly certain: YamlMistake[] = [];
  readonly uncertain: YamlMistake[] = [];
  /** `open` until the value with the anchor ends. */
  readonly #anchors = new Map<string, Anchored | 'open'>();
  #repeated = 0;

  constructor(root: Node | null, secondDocument: number | undefined) {
    this.#inspect(root);
    if (secondDocument !== undefined) this.uncertain.push({ offset: secondDocument, message: MISTAKES.secondDocument });
  }

  /** Returns the number of values in `node`, itself included. */
  #inspect(node: unknown): number {
    if (isAlias(node)) return this.#follow(node);
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return 1;
    const { anchor } = node;
    if (anchor !== undefined) this.#anchors.set(anchor, 'open');
    let size = 1;
    if (isMap(node)) size += this.#inspectEntries(node);
    if (isSeq(node)) for (const item of node.items) size += this.#inspect(item);
    if (anchor !== undefined) this.#anchors.set(anchor, { node, size });
    return size;
  }

  #inspectEntries(mapping: YAMLMap): number {
    const seen = new Set<unknown>();
    let size = 0;
    for (const { key, value } of mapping.items) {
      size += this.#inspect(key) + this.#inspect(value);
      if (!isScalar(key)) continue;
      if (key.value === '__proto__') this.certain.push(mistakeAt(key, 'proto'));
      else if (seen.has(key.value)) this.certain.push(mistakeAt(key, 'repeatedKey'));
      seen.add(key.value);
      if (key.value === '<<' && key.type === 'PLAIN') this.#inspectMerge(value);
    }
    return size;
  }

  #inspectMerge(value: unknown): void {
    const merged = this.#targetOf(value);
    for (const source of isSeq(merged) ? merged.items : [value]) {
      const target = this.#targetOf(source);
      // Without a target it is an alias that is reported already.
      if (target !== undefined && !isMap(target)) this.uncertain.push(mistakeAt(source, 'merge'));
    }
  }

  #targetOf(node: unknown): unknown {
    return isAlias(node) ? this.targets.get(node) : node;
  }

  #follow(alias: Alias): number {
    const found = this.#anchors.get(alias.source);
    if (found === undefined) this.certain.push(mistakeAt(alias, 'aliasWithoutAnchor'));
    if (found === 'open') this.uncertain.push(mistakeAt(alias, 'aliasInItself'));
    if (found === undefined || found === 'open') return 1;
    this.targets.set(alias, found.node);
    const wasTooMuch = this.#repeated > MAX_REPEATED_VALUES;
    this.#repeated += found.size;
    if (!wasTooMuch && this.#repeated > MAX_REPEATED_VALUES) this.uncertain.push(mistakeAt(alias, 'tooManyAliases'));
    return found.size;
  }
}

function mistakeAt(node: unknown, kind: keyof typeof MISTAKES): YamlMistake {
  const offset = isNode(node) ? node.range?.[0] : undefined;
  return { offset: offset ?? 0, message: MISTAKES[kind] };
}
