import { lineOf, type SourceTree } from './source-tree.js';

/**
 * Words of a private language that this project once used, each with the plain word in its place. `docs/glossary.md` defines
 * the terms that it uses now.
 */
export const PRIVATE_WORDS: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\btold\b|\btells\b|\bis told of\b/i, 'reported, logged; says'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\bnobody\b|\bsomebody\b|\bwhoever\b/i, 'the actor: a client, no caller, the operator'],
  [/\bgo(?:es)? on\b|\bwent on\b/i, 'continues'],
  [/\bin vain\b/i, 'failed'],
  [/\bat hand\b/i, 'available'],
  [
    /\b(?:what|one that|generation that|database that|configuration that) serves\b|\bserves on\b/i,
    'the current generation; keeps serving',
  ],
  [/\bstands?\b(?! alone)/i, 'is, appears; represents'],
  [/\bstand-?ins?\b/i, 'preflight database'],
  [/\bmisfits?\b/i, 'incompatible endpoint'],
  [/\bdoors?\b/i, 'transport, entrance'],
  [/\blanes?\b/i, 'queue'],
  [/\blent\b/i, 'leased'],
  [/\b(?:passe[sd]?|through|the|this) net\b/i, 'redaction'],
  [/\b(?:the|these|each|all|its|file) looks\b/i, 'file checks'],
  [/\bmarks? of (?:the|a|each) (?:file|text|content)/i, 'content hash'],
];

/** Every private word of the texts, as `path:line: "word"; use …`. */
export function findPrivateWords(tree: SourceTree): readonly string[] {
  return [...tree].flatMap(([path, text]) =>
    PRIVATE_WORDS.flatMap(([word, instead]) =>
      [...text.matchAll(new RegExp(word, 'gi'))].map(
        (match) => `${path}:${lineOf(text, match.index)}: "${match[0]}"; use ${instead}`,
      ),
    ),
  );
}
