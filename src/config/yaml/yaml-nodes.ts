import type { ScalarEvent } from 'js-yaml';
import type { YamlScalarValue } from './yaml-dialect.js';

/** One value of a YAML file and where it stands. An alias is the node that it repeats, at its own place. */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;

interface Placed {
  /** Characters from the start of the text. */
  readonly offset: number;
  /** How many values it holds with itself, those that aliases repeat included. */
  readonly size: number;
}

export interface YamlScalar extends Placed {
  readonly kind: 'scalar';
  readonly value: YamlScalarValue;
  readonly event: ScalarEvent;
}

export interface YamlSequence extends Placed {
  readonly kind: 'sequence';
  readonly value: readonly unknown[];
  readonly items: readonly YamlNode[];
}

export interface YamlMapping extends Placed {
  readonly kind: 'mapping';
  readonly value: Readonly<Record<string, unknown>>;
  /** With those that `<<` brings in, which stand where they are written. */
  readonly entries: ReadonlyMap<string, YamlEntry>;
}

export interface YamlEntry {
  readonly keyOffset: number;
  readonly node: YamlNode;
}
