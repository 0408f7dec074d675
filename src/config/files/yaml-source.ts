import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
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
  const problems = [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { file, line, column: col, code: error.code, message: describeYamlError(error.code) };
  });
  if (problems.length > 0) return { ok: false, problems: withoutFollowUps(problems) };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    return { ok: true, source: new YamlSource({ file, value, document, lines }) };
  } catch {
    // The parser's message quotes the file; there are only two reasons why the values cannot be built.
    const message =
      'an alias (`*name`) has no anchor (`&name`) before it, or aliases repeat too much of the file';
    return { ok: false, problems: [{ file, message }] };
  }
}

/** After one mistake in the syntax a parser trips over everything that follows; repeated keys are always told. */
function withoutFollowUps(problems: readonly (Problem & { readonly code: string })[]): readonly Problem[] {
  const firstMistake = problems.findIndex((problem) => problem.code !== 'DUPLICATE_KEY');
  return problems
    .filter((problem, index) => problem.code === 'DUPLICATE_KEY' || index === firstMistake)
    .map(({ code: _, ...problem }) => problem);
}
