import type { ResolvedValue } from '../reference-resolver.js';
import type { ConnectItem } from './connect-items.js';
import type { OnepasswordLocator } from './onepassword-locator.js';
import { computeTotp } from './totp.js';

type Field = ConnectItem['fields'][number];

/** The value that a locator means in an item. Throws an error that names the fields there are, never a value. */
export function readField(item: ConnectItem, locator: OnepasswordLocator, now: Date): ResolvedValue {
  const field = findField(item, locator);
  const version = item.version === undefined ? null : String(item.version);
  // The key tells whether it is another code; where Connect gives none, the version of the item has to do.
  if (locator.isOtp)
    return {
      value: readOtp(field, locator, now),
      version,
      source: 'onepassword',
      changesWith: field.value ?? version ?? '',
    };
  const value = field.value ?? '';
  return { value, version, source: 'onepassword', ...(value === '' && { warning: 'the field is empty' }) };
}

function findField(item: ConnectItem, { section, field: name, isOtp }: OnepasswordLocator): Field {
  const inSection = item.fields.filter((field) => section === undefined || isInSection(item, field, section));
  const found = preferExact(inSection, name);
  // Without a section named, a field that is in none is the one that is meant.
  const outside = section === undefined ? found.filter((field) => field.section === undefined) : [];
  const candidates = outside.length > 0 ? outside : found;
  const otp = isOtp ? candidates.filter(({ type }) => type === 'OTP') : [];
  const [first, ...more] = otp.length > 0 ? otp : candidates;
  if (first === undefined) throw new Error(noField(item, name, section));
  if (more.length > 0)
    throw new Error(
      `the item \`${item.title}\` has more than one field \`${name}\`; write the section too, or the id of the field`,
    );
  return first;
}

function preferExact(fields: readonly Field[], name: string): readonly Field[] {
  const exact = fields.filter(({ id, label }) => id === name || label === name);
  return exact.length > 0
    ? exact
    : fields.filter(({ id, label }) => [id, label].some((text) => isSame(text, name)));
}

function isInSection(item: ConnectItem, field: Field, name: string): boolean {
  if (field.section === undefined) return false;
  const { id } = field.section;
  const label = field.section.label ?? item.sections.find((section) => section.id === id)?.label ?? '';
  return isSame(id, name) || isSame(label, name);
}

/** 1Password does not tell upper from lower case in references. */
function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function noField(item: ConnectItem, name: string, section: string | undefined): string {
  const where = section === undefined ? '' : ` in the section \`${section}\``;
  const labels = item.fields.map((field) => {
    const label = field.label || field.id;
    const at = item.sections.find(({ id }) => id === field.section?.id)?.label;
    return `\`${at === undefined || at === '' ? '' : `${at}/`}${label}\``;
  });
  return `the item \`${item.title}\` has no field \`${name}\`${where}; ${labels.length === 0 ? 'it has none' : `its fields are ${labels.join(', ')}`}`;
}

function readOtp({ totp, value, label }: Field, { field }: OnepasswordLocator, now: Date): string {
  if (totp !== undefined && totp !== '') return totp;
  if (value === undefined || value === '')
    throw new Error(`the field \`${label || field}\` has no one-time password`);
  try {
    return computeTotp(value, now);
  } catch (error) {
    throw new Error(
      `the field \`${label || field}\`: ${error instanceof Error ? error.message : 'no one-time password'}`,
      {
        cause: error,
      },
    );
  }
}
