/** What is wrong with good syntax. Our words quote nothing: the file may hold a secret. */
export const MISTAKES = {
  aliasInItself: 'this alias (`*name`) stands inside what it repeats, and so has no end',
  aliasWithoutAnchor: 'this alias (`*name`) has no anchor (`&name`) before it',
  keyIsNoText: 'a key must be plain text; a value that begins with `{` or `[` and is text must be in quotes',
  merge: '`<<` takes a mapping or a list of mappings, mostly an alias (`*name`)',
  proto: '`__proto__` cannot be a key or a name',
  repeatedKey: 'this key is already there in the same mapping; remove one of the two',
  secondDocument: 'the file holds more than one document; keep one and remove the `---` between them',
  tag: 'this tag (`!name`) means nothing here; remove it',
  tagMisfit: 'this tag (`!name`) does not fit the value behind it; remove it',
  tooManyAliases: 'aliases (`*name`) repeat too much of the file; write the values out',
} as const;

export type YamlMistakeKind = keyof typeof MISTAKES;

/** What a person should look at, and what is wrong there. */
export interface YamlMistake {
  readonly offset: number;
  readonly message: string;
}

/** Good syntax without a meaning here. */
export interface MeaningMistake extends YamlMistake {
  readonly kind: YamlMistakeKind;
}
