import { problemsError } from '../../errors/index.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import { LastingReferenceError } from '../references/reference-failure.js';
import type { ReferenceResolver } from '../references/reference-resolver.js';
import type { ReferenceUse } from '../references/reference-uses.js';
import { resolveReferences } from '../references/resolve-references.js';
import type { StoreSections } from '../references/secret-stores.js';
import { checkSchema } from '../schema/check-schema.js';
import { isMapping } from '../schema/conform.js';
import { storeSections, type OnepasswordSection, type VaultSection } from '../schema/store-schemas.js';
import { replaceTexts } from './active-user-config.js';

export interface SectionInput {
  readonly source: YamlSource;
  readonly uses: readonly ReferenceUse[];
  /** Those that need no settings: variables and files. */
  readonly resolvers: ReadonlyMap<string, ReferenceResolver>;
  readonly signal: AbortSignal;
}

/** The settings of secret stores, which are references themselves and have to be known before the stores are asked. */
export function createStoreSections(input: SectionInput): StoreSections {
  return {
    vault: async () => (await resolveSection('vault', input)).vault,
    onepassword: async () => (await resolveSection('onepassword', input)).onepassword,
  };
}

interface Sections {
  readonly vault: VaultSection;
  readonly onepassword: OnepasswordSection;
}

async function resolveSection(key: keyof Sections, input: SectionInput): Promise<Sections> {
  const uses = input.uses.filter(({ path }) => path[0] === key);
  const fromStore = uses.find(({ reference }) => reference.kind === 'store' && reference.scheme !== 'file');
  if (fromStore !== undefined)
    throw new LastingReferenceError(
      `cannot be asked: a setting of \`${key}\` can come from variables and files, not from a store`,
    );
  const resolved = await resolveReferences({ ...input, uses, previous: [] }).catch((error: unknown) => {
    // Which ones is told at those references themselves.
    throw new Error(`cannot be asked: settings of \`${key}\` have no value`, { cause: error });
  });
  const texts = new Map(uses.map((use) => [JSON.stringify(use.path), resolved.textOf(use)]));
  const file = input.source.value;
  const section = isMapping(file) && Object.hasOwn(file, key) ? file[key] : {};
  const value = { [key]: replaceTexts(section, [key], texts) };
  const check = checkSchema({ schema: storeSections, source: input.source, value });
  if (check.ok) return check.value;
  throw problemsError(
    'config_invalid',
    `cannot be asked: with its references resolved, \`${key}\` has problems:`,
    check.problems,
  );
}
