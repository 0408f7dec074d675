import type { DiskReader, KeyPath, YamlSource } from '../../config/index.js';
import type { Problem } from '../../errors/index.js';
import type { SqlFileMark } from './definition-fingerprint.js';
import type { RunFields } from './definition-parts.js';
import type { EndpointSource } from './endpoint-definition.js';

export interface SourceRequest {
  readonly run: RunFields;
  /** `['tool']` or `['resource']`. */
  readonly base: KeyPath;
  readonly source: YamlSource;
  readonly projectRoot: string;
  readonly disk: DiskReader;
}

export type SourceResult = { readonly sqlFile?: SqlFileMark | undefined } & (
  | { readonly read: EndpointSource; readonly problems: readonly [] }
  | { readonly read?: undefined; readonly problems: readonly Problem[] }
);
