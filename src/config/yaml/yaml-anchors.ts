import type { YamlNode } from './yaml-nodes.js';

/** More values than this repeated by aliases is no configuration but a file made to fill the memory. */
const MAX_REPEATED_VALUES = 10_000;

export type AliasFailure = 'aliasWithoutAnchor' | 'aliasInItself' | 'tooManyAliases';

/** What the anchors of one document name. */
export class YamlAnchors {
  readonly #nodes = new Map<string, YamlNode | 'open'>();
  #repeated = 0;

  /** A list or mapping begins. Until it has ended, an alias inside it that repeats it has no end. */
  open(name: string | undefined): void {
    if (name !== undefined) this.#nodes.set(name, 'open');
  }

  set(name: string | undefined, node: YamlNode): void {
    if (name !== undefined) this.#nodes.set(name, node);
  }

  repeat(name: string): YamlNode | AliasFailure {
    const node = this.#nodes.get(name);
    if (node === undefined) return 'aliasWithoutAnchor';
    if (node === 'open') return 'aliasInItself';
    this.#repeated += node.size;
    return this.#repeated > MAX_REPEATED_VALUES ? 'tooManyAliases' : node;
  }
}
