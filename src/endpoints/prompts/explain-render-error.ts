import { messageOf } from '../../errors/index.js';

const KINDS: Readonly<Record<string, string>> = {
  ArrayValue: 'a list',
  BooleanValue: 'true or false',
  FloatValue: 'a number',
  FunctionValue: 'a function',
  IntegerValue: 'a number',
  NullValue: 'none',
  NumericValue: 'a number',
  ObjectValue: 'an object',
  StringValue: 'a text',
  TupleValue: 'a list',
  UndefinedValue: 'what has no value',
};

/** What the library says about a template that cannot be rendered, without the names of its own parts. */
export function explainRenderError(error: unknown): string {
  return messageOf(error)
    .replace(/^Unknown (\w+) filter: (\w+)$/, 'the filter "$2" cannot be used on $1')
    .replace(/^Cannot apply filter "(\w+)" to type: (\w+)$/, 'the filter "$1" cannot be used on $2')
    .replace(/\b[A-Z][a-z]+Value\b/g, (kind) => KINDS[kind] ?? kind);
}
