import { SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { Problem, SourcePosition } from '../errors/index.js';
import { TextLines } from './text-lines.js';
import { composeYaml, type YamlNode, type YamlScalar } from './yaml-composer.js';
import { explainSyntaxError, readEvents, type YamlMistake, type YamlMistakeKind } from './yaml-syntax.js';

/** Keys and list indexes from the root of a file to a value in it. */
export type KeyPath = readonly (string | number)[];

export type YamlParseResult =
  | { readonly ok: true; readonly source: YamlSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

interface Found {
  readonly keyOffset?: number | undefined;
  readonly node: YamlNode;
}

/** A parsed YAML file that remembers where each of its values stands. */
export class YamlSource {
  readonly file: string;
  /** Plain values; `null` for an empty file. */
  readonly value: unknown;
  readonly #root: YamlNode | undefined;
  readonly #lines: TextLines;

  constructor(file: string, root: YamlNode | undefined, lines: TextLines) {
    this.file = file;
    this.value = root?.value ?? null;
    this.#root = root;
    this.#lines = lines;
  }

  /** Where the value at `path` begins, or the nearest thing around it that the file holds. */
  positionOf(path: KeyPath): SourcePosition {
    return this.#position(this.#find(path)?.node.offset);
  }

  /** Where the key of the last step of `path` stands. */
  positionOfKey(path: KeyPath): SourcePosition {
    const found = this.#find(path);
    return this.#position(found?.keyOffset ?? found?.node.offset);
  }

  /** The line on which the text of the value at `path` begins: for a block, the one below its `|` or `>`. */
  lineOfText(path: KeyPath): number {
    const scalar = this.#findScalar(path);
    const style = scalar?.event.style;
    const isBlock = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
    const offset = isBlock ? scalar?.event.valueStart : this.#find(path)?.node.offset;
    return this.#lines.placeOf(offset ?? 0).line;
  }

  /** Whether each line of the text at `path` is one of the file: not when lines are folded into one, or escaped. */
  keepsLines(path: KeyPath): boolean {
    const scalar = this.#findScalar(path);
    if (scalar === undefined) return false;
    if (scalar.event.style === SCALAR_STYLE.LITERAL_BLOCK) return true;
    const isOneLine = !/[\r\n]/.test(this.#written(scalar).trimEnd());
    return isOneLine && !String(scalar.value).trimEnd().includes('\n');
  }

  /**
   * Where line `line`, counted from 0, of the text at `path` stands. Only a literal block has the lines that its text has;
   * any other text is known by its key.
   */
  positionInText(path: KeyPath, line: number): SourcePosition {
    return this.#findScalar(path)?.event.style === SCALAR_STYLE.LITERAL_BLOCK
      ? { file: this.file, line: this.lineOfText(path) + line }
      : this.positionOfKey(path);
  }

  /** The value at `path` as it is written, when it is written without quotes. */
  plainText(path: KeyPath): string | undefined {
    const scalar = this.#findScalar(path);
    return scalar?.event.style === SCALAR_STYLE.PLAIN ? this.#written(scalar) : undefined;
  }

  #written({ event: { valueStart, valueEnd } }: YamlScalar): string {
    return this.#lines.text.slice(valueStart, valueEnd);
  }

  #findScalar(path: KeyPath): YamlScalar | undefined {
    const node = this.#find(path)?.node;
    return node?.kind === 'scalar' ? node : undefined;
  }

  #position(offset: number | undefined): SourcePosition {
    return { file: this.file, ...(offset === undefined ? {} : this.#lines.placeOf(offset)) };
  }

  #find(path: KeyPath): Found | undefined {
    let found: Found | undefined = this.#root && { node: this.#root };
    for (const step of path) {
      const next = found && childOf(found.node, step);
      // The key is what is left of a value that does not hold what was looked for.
      if (next === undefined) return found?.keyOffset === undefined ? found : atKey(found, found.keyOffset);
      found = next;
    }
    return found;
  }
}

function childOf(parent: YamlNode, step: string | number): Found | undefined {
  if (parent.kind === 'mapping') return parent.entries.get(String(step));
  if (parent.kind !== 'sequence' || typeof step !== 'number') return undefined;
  const node = parent.items[step];
  return node && { node };
}

function atKey({ node }: Found, offset: number): Found {
  return { node: { ...node, offset } };
}

/** Parses the text of a file. Never throws; every problem has its line and column and quotes nothing of the file. */
export function parseYaml(file: string, text: string): YamlParseResult {
  const lines = new TextLines(text);
  const { root, mistakes } = parse(lines);
  if (mistakes.length === 0) return { ok: true, source: new YamlSource(file, root, lines) };
  const problems = mistakes.map(({ offset, message }) => ({ file, ...lines.placeOf(offset), message }));
  return { ok: false, problems };
}

interface Parsed {
  readonly root: YamlNode | undefined;
  readonly mistakes: readonly YamlMistake[];
}

function parse(lines: TextLines): Parsed {
  try {
    return composeYaml(readEvents(lines.text), lines);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const mistake = explainSyntaxError(error, lines);
    return { root: undefined, mistakes: [...findMistakesAbove(mistake, lines), mistake] };
  }
}

/** These hold whatever comes after the lines that were looked at; of others, the cut may be the cause. */
const CERTAIN: ReadonlySet<YamlMistakeKind> = new Set(['aliasWithoutAnchor', 'proto', 'repeatedKey']);

/**
 * The parser stops at the first mistake in the syntax; the lines above it are looked at nevertheless. What begins above it
 * and goes over lines leaves them unfinished; then nobody can tell.
 */
function findMistakesAbove({ offset }: YamlMistake, lines: TextLines): readonly YamlMistake[] {
  const above = new TextLines(lines.text.slice(0, lines.startOfLine(offset)));
  try {
    return composeYaml(readEvents(above.text), above).mistakes.filter(({ kind }) => CERTAIN.has(kind));
  } catch (error) {
    if (error instanceof YAMLException) return [];
    throw error;
  }
}
