import { parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { Problem, SourcePosition } from '../../errors/index.js';
import { composeYaml, type Composed } from './yaml-composer.js';
import { TextPlaces } from './text-places.js';
import type { YamlMistake, YamlNode } from './yaml-nodes.js';
import { explainSyntaxError } from './yaml-problems.js';

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
  readonly #places: TextPlaces;

  constructor(file: string, root: YamlNode | undefined, places: TextPlaces) {
    this.file = file;
    this.value = root?.value ?? null;
    this.#root = root;
    this.#places = places;
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
    const node = this.#find(path)?.node;
    const isBlock =
      node?.kind === 'scalar' &&
      (node.event.style === SCALAR_STYLE.LITERAL_BLOCK || node.event.style === SCALAR_STYLE.FOLDED_BLOCK);
    return this.#places.placeOf(isBlock ? node.event.valueStart : (node?.offset ?? 0)).line;
  }

  #position(offset: number | undefined): SourcePosition {
    return { file: this.file, ...(offset === undefined ? {} : this.#places.placeOf(offset)) };
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
  const places = new TextPlaces(text);
  const { root, mistakes } = parse(text);
  if (mistakes.length === 0) return { ok: true, source: new YamlSource(file, root, places) };
  const problems = mistakes.map(({ offset, message }) => ({ file, ...places.placeOf(offset), message }));
  return { ok: false, problems };
}

function parse(text: string): Composed {
  try {
    return composeYaml(parseEvents(text, {}), text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const mistake = explainSyntaxError(error, text);
    return { root: undefined, mistakes: [...findMistakesBefore(mistake, text), mistake] };
  }
}

/**
 * The parser stops at the first mistake in the syntax; the lines above it are looked at nevertheless. What begins above it
 * and goes over lines leaves them unfinished; then nobody can tell.
 */
function findMistakesBefore({ offset }: YamlMistake, text: string): readonly YamlMistake[] {
  const lines = text.slice(0, text.lastIndexOf('\n', offset - 1) + 1);
  try {
    return composeYaml(parseEvents(lines, {}), lines).mistakes;
  } catch (error) {
    if (error instanceof YAMLException) return [];
    throw error;
  }
}
