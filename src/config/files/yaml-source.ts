import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';
import type { Problem, SourcePosition } from '../../errors/index.js';
import { YAML_DIALECT } from './yaml-dialect.js';
import { describeYamlError } from './yaml-problems.js';

/** Keys and list indexes from the root of a file to a value in it. */
export type KeyPath = readonly (string | number)[];

/** More repeats of anchored parts than this is no configuration but a file made to fill the memory. */
const MAX_ALIAS_COUNT = 100;

export type YamlParseResult =
  | { readonly ok: true; readonly source: YamlSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A parsed YAML file that remembers where each of its values stands. */
export class YamlSource {
  readonly file: string;
  /** Plain values; `null` for an empty file. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(parsed: { file: string; value: unknown; document: Document; lines: LineCounter }) {
    this.file = parsed.file;
    this.value = parsed.value;
    this.#document = parsed.document;
    this.#lines = parsed.lines;
  }

  /** Where the value at `path` begins, or the nearest thing around it that the file holds. */
  positionOf(path: KeyPath): SourcePosition {
    return this.#position(this.#walk(path).value);
  }

  /** Where the key of the last step of `path` stands. */
  positionOfKey(path: KeyPath): SourcePosition {
    const { key, value } = this.#walk(path);
    return this.#position(key ?? value);
  }

  #position(node: Node | undefined): SourcePosition {
    const offset = node?.range?.[0];
    if (offset === undefined) return { file: this.file };
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line, column: col };
  }

  #walk(path: KeyPath): { key?: Node | undefined; value: Node | undefined } {
    let found: { key?: Node | undefined; value: Node | undefined } = {
      value: this.#document.contents ?? undefined,
    };
    for (const step of path) {
      const next = this.#step(found.value, step);
      if (next === undefined) return { value: found.key ?? found.value };
      found = next;
    }
    return found;
  }

  #step(
    parent: Node | undefined,
    step: string | number,
  ): { key?: Node; value: Node | undefined } | undefined {
    const node = isAlias(parent) ? parent.resolve(this.#document) : parent;
    if (isSeq(node)) {
      const item: unknown = typeof step === 'number' ? node.items[step] : undefined;
      return isNode(item) ? { value: item } : undefined;
    }
    if (!isMap(node)) return undefined;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
    return pair === undefined ? undefined : keyAndValue(pair);
  }
}

function keyAndValue(pair: Pair): { key?: Node; value: Node | undefined } {
  const key = isNode(pair.key) ? pair.key : undefined;
  const value = isNode(pair.value) ? pair.value : undefined;
  return key === undefined ? { value } : { key, value: value ?? key };
}

/** Parses the text of a file. Never throws; every problem has its line and column and quotes nothing of the file. */
export function parseYaml(file: string, text: string): YamlParseResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...YAML_DIALECT, lineCounter: lines });
  const mistakes = withoutFollowUps([...document.errors, ...document.warnings]);
  if (mistakes.length > 0) {
    return { ok: false, problems: mistakes.map((mistake) => toProblem(file, mistake, lines)) };
  }
  const unusable = MAY_BE_UNUSABLE.test(text) ? findUnusable(document) : undefined;
  if (unusable !== undefined) {
    const { line, col } = lines.linePos(unusable.offset);
    return { ok: false, problems: [{ file, line, column: col, message: unusable.message }] };
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    return { ok: true, source: new YamlSource({ file, value, document, lines }) };
  } catch {
    // The parser's own message quotes the file. With every alias resolved, only one reason is left.
    const message = 'aliases (`*name`) repeat too much of the file; write the values out';
    return { ok: false, problems: [{ file, message }] };
  }
}

/** An alias is `*` with its name right behind, and a key can only be spelt otherwise with escapes; most files have neither. */
const MAY_BE_UNUSABLE = /\*[^\s,()[\]{}]|__proto__|\\/;

/** Finds what is good YAML and has no value: an alias that repeats nothing, or a key that no mapping here can hold. */
function findUnusable(document: Document): { offset: number; message: string } | undefined {
  let found: { offset: number; message: string } | undefined;
  const stop = (node: Node, message: string) => {
    found = { offset: node.range?.[0] ?? 0, message };
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_key, alias) =>
      alias.resolve(document) === undefined
        ? stop(alias, 'this alias (`*name`) has no anchor (`&name`) before it')
        : undefined,
    Pair: (_key, { key }) =>
      isScalar(key) && key.value === '__proto__'
        ? stop(key, '`__proto__` cannot be a key or a name')
        : undefined,
  });
  return found;
}

/** After one mistake in the syntax a parser trips over everything that follows; repeated keys are always told. */
function withoutFollowUps(mistakes: readonly YAMLError[]): readonly YAMLError[] {
  const first = mistakes.findIndex((mistake) => mistake.code !== 'DUPLICATE_KEY');
  return mistakes.filter((mistake, index) => mistake.code === 'DUPLICATE_KEY' || index === first);
}

function toProblem(file: string, mistake: YAMLError, lines: LineCounter): Problem {
  const { line, col } = lines.linePos(mistake.pos[0]);
  return { file, line, column: col, message: describeYamlError(mistake.code) };
}
