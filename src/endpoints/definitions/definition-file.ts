import type { DiskReader } from '../../config/index.js';
import type { DefaultCheck } from '../values/default-check.js';
import type { EndpointKind } from './endpoint-definition.js';

/** An endpoint file as it was read. */
export interface DefinitionFile {
  /** Relative to the project root. */
  readonly path: string;
  readonly text: string;
  /** The kind that the folder stands for. */
  readonly kind: EndpointKind;
  readonly projectRoot: string;
  /** The same for all files of one load, as is the next. */
  readonly disk: DiskReader;
  readonly defaults: DefaultCheck;
}
