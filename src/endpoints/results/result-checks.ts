import type { ErrorObject } from 'ajv/dist/2020.js';
import { MxcpError } from '../../errors/index.js';
import type { JsonValue } from '../../runtime/index.js';
import type { TypeDefinition } from '../definitions/definition-schema.js';
import { explainMismatch } from '../values/explain-mismatch.js';
import { toCheck } from '../values/json-schema.js';
import type { SchemaCheck, SchemaCompiler } from '../values/schema-compiler.js';
import type { ResultTexts } from './result-texts.js';

export interface ResultChecksOptions {
  /** Names the endpoint in errors, e.g. `tool "sales"`. */
  readonly endpoint: string;
  /** What a part of a list is called: SQL answers rows. */
  readonly part: 'row' | 'item';
  readonly returns: TypeDefinition;
  readonly compiler: SchemaCompiler;
}

/** Checks results against the declared `return` type: lists part by part, so that a wrong one ends its call at once. */
export class ResultChecks {
  readonly #endpoint: string;
  readonly #part: ResultChecksOptions['part'];
  readonly #returns: TypeDefinition;
  readonly #item: SchemaCheck | undefined;
  readonly #whole: SchemaCheck;

  constructor({ endpoint, part, returns, compiler }: ResultChecksOptions) {
    this.#endpoint = endpoint;
    this.#part = part;
    this.#returns = returns;
    const { items } = returns;
    this.#item = items === undefined ? undefined : compiler.compile(() => toCheck(items, 'output'));
    this.#whole = compiler.compile(() => toCheck(returns, 'output'));
  }

  checkItem(value: JsonValue, number: number): void {
    const mismatches = this.#item?.(value) ?? [];
    if (mismatches.length > 0) this.#refuse(mismatches, `${this.#part} ${number}`);
  }

  checkWhole(value: JsonValue): void {
    this.#refuse(this.#whole(value), 'the value');
  }

  /** What only the list as a whole can break; the texts of its items stand for them. */
  checkList(texts: ResultTexts): void {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = this.#returns;
    if (texts.length < minItems)
      throw this.#error(`it has ${texts.length} ${this.#part}s, fewer than minItems (${minItems})`);
    if (texts.length > maxItems)
      throw this.#error(`it has ${texts.length} ${this.#part}s, more than maxItems (${maxItems})`);
    if (uniqueItems === true && new Set(texts).size < texts.length)
      throw this.#error(`it has equal ${this.#part}s, and uniqueItems is true`);
  }

  #refuse(mismatches: readonly ErrorObject[], what: string): void {
    if (mismatches.length === 0) return;
    const reasons = [...new Set(mismatches.map((mismatch) => explainMismatch(mismatch, 'it')))];
    throw this.#error(`${what}: ${reasons.join('; ')}`);
  }

  #error(reason: string): MxcpError {
    return new MxcpError(
      'output_invalid',
      `the result of ${this.#endpoint} does not fit its return type: ${reason}`,
    );
  }
}
