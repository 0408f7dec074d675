import type { ErrorObject } from 'ajv/dist/2020.js';
import { MxcpError } from '../../errors/index.js';
import type { JsonValue } from '../../runtime/index.js';
import type { TypeDefinition } from '../definitions/definition-schema.js';
import { explainMismatch } from '../values/explain-mismatch.js';
import { toSchema } from '../values/json-schema.js';
import type { SchemaCheck, SchemaCompiler } from '../values/schema-compiler.js';

/** Checks results against the declared `return` type: rows one by one, so that a wrong one ends its query at once. */
export class ResultChecks {
  readonly #endpoint: string;
  readonly #returns: TypeDefinition;
  readonly #item: SchemaCheck | undefined;
  readonly #whole: SchemaCheck;

  constructor(endpoint: string, returns: TypeDefinition, compiler: SchemaCompiler) {
    this.#endpoint = endpoint;
    this.#returns = returns;
    this.#item =
      returns.items === undefined ? undefined : compiler.compile(toSchema(returns.items, 'output'));
    this.#whole = compiler.compile(toSchema(returns, 'output'));
  }

  checkItem(row: JsonValue, rowNumber: number): void {
    this.#refuse(this.#item?.(row) ?? [], `row ${rowNumber}`);
  }

  checkWhole(value: JsonValue): void {
    this.#refuse(this.#whole(value), 'the value');
  }

  /** What only the list as a whole can break; the texts of its items stand for them. */
  checkList(texts: readonly string[]): void {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = this.#returns;
    if (texts.length < minItems)
      throw this.#error(`it has ${texts.length} rows, fewer than minItems (${minItems})`);
    if (texts.length > maxItems)
      throw this.#error(`it has ${texts.length} rows, more than maxItems (${maxItems})`);
    if (uniqueItems === true && new Set(texts).size < texts.length)
      throw this.#error('it has equal rows, and uniqueItems is true');
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
