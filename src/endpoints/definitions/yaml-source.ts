import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type CollectionTag,
  type Document,
  type ScalarTag,
  type Tags,
} from 'yaml';
import { messageOf, type Problem, type SourcePosition } from '../../errors/index.js';

/** A path into a YAML value: keys of mappings and indexes of sequences. */
export type YamlPath = readonly (string | number)[];

/** A parsed YAML file that still knows where everything stands. Used while a definition is read, not kept after it. */
export class YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Syntax errors and duplicate keys. With any, `value` is not to be used. */
  readonly problems: readonly Problem[];
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.#document = parseDocument(text, {
      version: '1.1',
      lineCounter: this.#lines,
      prettyErrors: false,
      customTags: pythonYamlTags,
    });
    const problems = this.#document.errors.map((error) => ({
      ...this.#positionAt(error.pos[0]),
      message: `not valid YAML: ${error.message}`,
    }));
    const { value, problem } = problems.length > 0 ? { value: null } : this.#toValue();
    this.value = value;
    this.problems = problem === undefined ? problems : [...problems, problem];
  }

  /** Where the key (or list item) at `path` stands; the nearest parent that exists when it does not. */
  positionOf(path: YamlPath): SourcePosition {
    return this.#positionAt(this.#find(path).offset);
  }

  /** The line on which the text of the string at `path` begins: a block scalar begins below its `|`. */
  firstLineOfText(path: YamlPath): number {
    const { node } = this.#find(path);
    if (!isScalar(node) || !node.range) return 1;
    const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
    return this.#lines.linePos(node.range[0]).line + (isBlock ? 1 : 0);
  }

  #toValue(): { value: unknown; problem?: Problem } {
    try {
      return { value: this.#document.toJS() };
    } catch (error) {
      // The parser refuses aliases that would grow without bound.
      return { value: null, problem: { file: this.file, line: 1, message: messageOf(error) } };
    }
  }

  #find(path: YamlPath): { node: unknown; offset: number } {
    let node: unknown = this.#document.contents;
    let offset = this.#document.contents?.range?.[0] ?? 0;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      const next = isMap(node)
        ? entryOf(node.items, String(step))
        : isSeq(node)
          ? itemOf(node.items, step)
          : undefined;
      if (next === undefined) break;
      node = next.node;
      offset = next.offset ?? offset;
    }
    return { node, offset };
  }

  #positionAt(offset: number): SourcePosition {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

interface Found {
  readonly node: unknown;
  readonly offset: number | undefined;
}

function entryOf(items: readonly { key: unknown; value: unknown }[], key: string): Found | undefined {
  const pair = items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  if (pair === undefined) return undefined;
  return { node: pair.value, offset: isScalar(pair.key) ? pair.key.range?.[0] : undefined };
}

function itemOf(items: readonly unknown[], index: string | number): Found | undefined {
  const node = items[Number(index)];
  if (node === undefined) return undefined;
  const offset = isMap(node) || isSeq(node) || isScalar(node) ? node.range?.[0] : undefined;
  return { node, offset };
}

/**
 * YAML 1.1 as people know it from PyYAML: `yes` and `off` are booleans, `y` and `n` are text. Dates and clock times stay
 * the text that was written, because a default such as `2024-01-31` or `10:30:00` is meant as just that.
 */
function pythonYamlTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag];
    if (tag.tag === 'tag:yaml.org,2002:timestamp') return [];
    if ('format' in tag && tag.format === 'TIME') return [];
    return [withoutSingleLetterBooleans(tag)];
  });
}

function withoutSingleLetterBooleans(tag: ScalarTag | CollectionTag): ScalarTag | CollectionTag {
  if (tag.tag !== 'tag:yaml.org,2002:bool' || !('test' in tag) || tag.test === undefined) return tag;
  const words = tag.test.test('yes')
    ? /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/
    : /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
  return { ...tag, test: words };
}
