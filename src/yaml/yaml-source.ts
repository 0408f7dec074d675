import { YAMLException } from 'js-yaml';
import { isAlias, isMap, isNode, isScalar, isSeq, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { listProblems, type Problem, type SourcePosition } from '../errors/index.js';
import { loadDocuments } from './dialect.js';
import { composeDocument, type YamlDocument } from './yaml-document.js';

/** Keys and list indexes from the root of a file to a value in it. */
export type KeyPath = readonly (string | number)[];

export function toDotted(path: KeyPath): string {
  return path.reduce<string>(
    (dotted, step) => (typeof step === 'number' ? `${dotted}[${step}]` : dotted === '' ? step : `${dotted}.${step}`),
    '',
  );
}

export type YamlParseResult =
  | { readonly ok: true; readonly source: YamlSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Parses the text of a file. Never throws; every problem has its line and column and quotes nothing of the file. */
export function parseYaml(file: string, written: string): YamlParseResult {
  // One of the two parsers does not know a lone CR as the end of a line.
  const text = written.replaceAll(/\r(?!\n)/g, '\n');
  const value = loadQuickly(text);
  if (value !== undefined) return { ok: true, source: new YamlSource(file, text, value) };
  const document = composeDocument(text);
  if (document.mistakes.length === 0)
    return { ok: true, source: new YamlSource(file, text, document.toValue(), document) };
  const problems = listProblems(file, document.mistakes, ({ offset, message }) => ({
    ...positionAt(file, document, offset),
    message,
  }));
  return { ok: false, problems };
}

/** The value of a sound text without anchors and merge keys; undefined for any other, which needs its nodes. */
function loadQuickly(text: string): unknown {
  if (text.includes('<<:') || (text.includes('&') && text.includes('*'))) return undefined;
  try {
    const [value = null, ...others] = loadDocuments(text);
    return others.length === 0 ? value : undefined;
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
}

/** A parsed YAML file. Its nodes are composed when the first position is asked for. */
export class YamlSource {
  readonly file: string;
  /** Plain values; `null` for an empty file. */
  readonly value: unknown;
  readonly #text: string;
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();
  #document: YamlDocument | undefined;

  constructor(file: string, text: string, value: unknown, document?: YamlDocument) {
    this.file = file;
    this.value = value;
    this.#text = text;
    this.#document = document;
  }

  /** Where the value at `path` begins, or the nearest thing around it that the file has. */
  positionOf(path: KeyPath): SourcePosition {
    return this.#positionAt(this.#find(path)?.offset);
  }

  /** Where the key of the last step of `path` is. */
  positionOfKey(path: KeyPath): SourcePosition {
    const found = this.#find(path);
    return this.#positionAt(found?.keyOffset ?? found?.offset);
  }

  /** Line `index`, counted from 0, of the text at `path` as a line of the file; the first one if lines are folded or escaped. */
  lineOfText(path: KeyPath, index: number): number {
    const { scalar, offset = 0 } = this.#find(path) ?? {};
    const isBlock = scalar?.type === 'BLOCK_LITERAL' || scalar?.type === 'BLOCK_FOLDED';
    const first = this.#nodes.lines.linePos(offset).line + (isBlock ? 1 : 0);
    return scalar !== undefined && this.#keepsLines(scalar) ? first + index : first;
  }

  /** The column in the file of column `column` in line `index` of the text at `path`, if the file has that line as it is. */
  columnOfText(path: KeyPath, index: number, column: number): number | undefined {
    const { scalar, offset = 0 } = this.#find(path) ?? {};
    if (scalar === undefined || !this.#keepsLines(scalar)) return undefined;
    const text = String(scalar.value).split('\n')[index] ?? '';
    const { line, col } = this.#nodes.lines.linePos(offset);
    const isBlock = scalar.type === 'BLOCK_LITERAL' || scalar.type === 'BLOCK_FOLDED';
    const written = this.#text.split('\n')[line - 1 + (isBlock ? index + 1 : index)] ?? '';
    const start = written.indexOf(text, isBlock ? 0 : col - 1);
    return start === -1 ? undefined : start + column;
  }

  /** Where line `index` of the text at `path` is, if it is a literal block; where its key is for any other text. */
  positionInText(path: KeyPath, index: number): SourcePosition {
    return this.#find(path)?.scalar?.type === 'BLOCK_LITERAL'
      ? { file: this.file, line: this.lineOfText(path, index) }
      : this.positionOfKey(path);
  }

  /** Whether the file has this number anywhere, written like this. Needs no positions, which take a second parse. */
  hasNumber(number: string): boolean {
    return this.#text.split(/[^\w.+-]+/).includes(number);
  }

  /** The value at `path` as it is written, if it is written without quotes. */
  plainText(path: KeyPath): string | undefined {
    const scalar = this.#find(path)?.scalar;
    return scalar?.type === 'PLAIN' ? scalar.source : undefined;
  }

  #keepsLines(scalar: Scalar): boolean {
    if (scalar.type === 'BLOCK_LITERAL') return true;
    const [start = 0, end = 0] = scalar.range ?? [];
    const written = this.#text.slice(start, end).trimEnd();
    const isOneLine = !(scalar.type === 'BLOCK_FOLDED' ? /\n[^]*\n/ : /\n/).test(written);
    return isOneLine && !String(scalar.value).trimEnd().includes('\n');
  }

  get #nodes(): YamlDocument {
    this.#document ??= composeDocument(this.#text);
    return this.#document;
  }

  #positionAt(offset: number | undefined): SourcePosition {
    return offset === undefined ? { file: this.file } : positionAt(this.file, this.#nodes, offset);
  }

  /** The value at `path`. For one that the file does not have, the place of the nearest one around it. */
  #find(path: KeyPath): Found | undefined {
    const { root } = this.#nodes;
    let found = root === null ? undefined : this.#toFound(root, undefined);
    for (const step of path) {
      const next = found && this.#childOf(found.node, step);
      if (next === undefined) return found && { ...found, offset: found.keyOffset ?? found.offset };
      found = next;
    }
    return found;
  }

  #childOf(node: unknown, step: string | number): Found | undefined {
    const parent = isAlias(node) ? this.#nodes.targets.get(node) : node;
    if (isSeq(parent)) return typeof step === 'number' ? this.#itemOf(parent, step) : undefined;
    if (!isMap(parent)) return undefined;
    const pair = this.#pairsOf(parent).get(String(step));
    if (pair !== undefined) return this.#toFound(pair.value, offsetOf(pair.key));
    const merge = parent.items.find(({ key }) => isScalar(key) && key.value === '<<' && key.type === 'PLAIN');
    return merge && this.#mergedChildOf(merge.value, step);
  }

  /** Kept for each mapping: looking at all keys for each of them would take seconds for a large file. */
  #pairsOf(mapping: YAMLMap): ReadonlyMap<string, Pair> {
    const known = this.#pairs.get(mapping);
    if (known !== undefined) return known;
    const pairs = new Map(
      mapping.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair]] : [])),
    );
    this.#pairs.set(mapping, pairs);
    return pairs;
  }

  #mergedChildOf(node: unknown, step: string | number): Found | undefined {
    const merged = isAlias(node) ? this.#nodes.targets.get(node) : node;
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const found = this.#childOf(source, step);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #itemOf(parent: YAMLSeq, index: number): Found | undefined {
    if (index >= parent.items.length) return undefined;
    const item = parent.items[index];
    const found = this.#toFound(item, undefined);
    return isWritten(item) ? found : { ...found, offset: this.#text.lastIndexOf('-', found.offset - 1) };
  }

  /** A value that is not written is at its key. */
  #toFound(node: unknown, keyOffset: number | undefined): Found {
    const offset = isWritten(node) ? offsetOf(node) : (keyOffset ?? offsetOf(node));
    return { node, keyOffset, offset, scalar: isScalar(node) ? node : undefined };
  }
}

interface Found {
  readonly node: unknown;
  readonly scalar: Scalar | undefined;
  readonly offset: number;
  readonly keyOffset: number | undefined;
}

function isWritten(node: unknown): boolean {
  return isNode(node) && node.range?.[0] !== node.range?.[1];
}

function offsetOf(node: unknown): number {
  return (isNode(node) ? node.range?.[0] : undefined) ?? 0;
}

function positionAt(file: string, { lines }: YamlDocument, offset: number): SourcePosition {
  const { line, col } = lines.linePos(offset);
  return { file, line, column: col };
}
