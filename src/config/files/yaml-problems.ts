import type { ErrorCode } from 'yaml';

/**
 * What is wrong, in our words: the parser's own messages quote the file, and the file may hold a secret. A code that is
 * not here falls back to a sentence without detail.
 */
const MESSAGES: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (`*name`) cannot have an anchor or a tag',
  BAD_ALIAS: 'this alias (`*name`) is not valid; quote the text if a literal `*` is meant',
  BAD_COLLECTION_TYPE: 'the tag does not fit this value; remove the tag',
  BAD_DIRECTIVE: 'a line that starts with `%` is a YAML directive, and this one is not valid',
  BAD_DQ_ESCAPE:
    'a backslash in double quotes begins an escape, and this one is not valid; use single quotes or `\\\\`',
  BAD_INDENT: 'the indentation is not consistent, or a bracket or quote before it is not closed',
  BAD_PROP_ORDER: 'anchors and tags must come before the `?`, `:` and `-` indicators',
  BAD_SCALAR_START: 'text cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two `key: value` pairs on one line; put the value in quotes, or on its own line',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside brackets; close the bracket first',
  DUPLICATE_KEY: 'this key is already there in the same mapping; remove one of the two',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters; a `:` or a quote is probably missing',
  MISSING_CHAR: 'a `:`, a comma, a closing quote or a closing bracket is missing here',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; a `:` is probably missing',
  MULTIPLE_ANCHORS: 'a value can have only one anchor (`&name`)',
  MULTIPLE_DOCS: 'the file holds more than one document; keep one and remove the `---` between them',
  MULTIPLE_TAGS: 'a value can have only one tag (`!name`)',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'a tab is used for indentation; YAML takes only spaces',
  TAG_RESOLVE_FAILED: 'this tag (`!name`) means nothing here; remove it',
  UNEXPECTED_TOKEN:
    'text stands where none can be; a quote or bracket before it may be closed too early, or quotes are missing',
};

export function describeYamlError(code: ErrorCode): string {
  return MESSAGES[code] ?? 'this is not valid YAML';
}
