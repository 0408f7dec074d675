import { parseDuration } from '../lifecycle/index.js';

/** How a setting's text becomes its value. `parse` returns `undefined` for text that it does not understand. */
export interface SettingKind<T> {
  readonly parse: (text: string) => T | undefined;
  /** Completes "must be …". */
  readonly allowed: string;
  /** All values, for shell completion; absent if there are too many. */
  readonly values?: readonly string[];
  /** Ends the name of the value, which is in milliseconds. */
  readonly unit?: 'Ms';
}

const YES = new Set(['1', 'true', 'yes', 'on']);
const NO = new Set(['0', 'false', 'no', 'off']);

export const boolean: SettingKind<boolean> = {
  parse: (text) => {
    const word = text.toLowerCase();
    if (YES.has(word)) return true;
    return NO.has(word) ? false : undefined;
  },
  allowed: 'one of 1, true, yes, on, 0, false, no, off',
  values: ['on', 'off'],
};

export const text: SettingKind<string> = {
  parse: (value) => (value.includes('\0') ? undefined : value),
  allowed: 'text',
};

export const paths: SettingKind<readonly string[]> = {
  parse: (value) => value.split(':').filter((path) => path !== ''),
  allowed: 'one or more paths separated by `:`',
};

export const duration = {
  unit: 'Ms',
  parse: parseDuration,
  allowed: 'a time like 500ms, 30s or 2m (a bare number is seconds)',
} as const satisfies SettingKind<number>;

export const urlPath: SettingKind<string> = {
  parse: (value) => (/^\/[\w.~-][\w.~/-]{0,99}$/.test(value) && !/^\/mcp\/?$/.test(value) ? value : undefined),
  allowed: 'a path like /healthz other than /mcp',
};

export const webUrl: SettingKind<string> = {
  parse: (value) => (/^https?:\/\/[^\s?#@]+$/i.test(value) && URL.canParse(value) ? value : undefined),
  allowed: 'an https:// URL like https://tools.example.com',
};

export const octalMode: SettingKind<number> = {
  parse: (value) => (/^(?:0o?)?[0-7]{3}$/.test(value) ? Number.parseInt(value.slice(-3), 8) : undefined),
  allowed: 'an octal file mode like 0600',
};

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

export const bytes: SettingKind<number> = {
  parse: parseByteSize,
  allowed: 'a number of bytes above 0, like 10485760 or 10MiB',
};

/** A number of bytes above 0, like 10485760 or 10MiB; undefined for anything else. */
export function parseByteSize(value: string): number | undefined {
  const match = /^(\d{1,12})\s*([kmg]?)(?:i?b)?$/i.exec(value);
  const unit = BYTE_UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) return undefined;
  const size = Number(match[1]) * unit;
  return size > 0 && Number.isSafeInteger(size) ? size : undefined;
}

export function integer(minimum: number, maximum: number): SettingKind<number> {
  return {
    parse: (value) => {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      return number >= minimum && number <= maximum ? number : undefined;
    },
    allowed: `a whole number from ${minimum} to ${maximum}`,
  };
}

export function choice<const T extends string>(...values: readonly T[]): SettingKind<T> {
  return { parse: (value) => values.find((allowed) => allowed === value.toLowerCase()), ...offering(...values) };
}

/** Loopback, if only a port is given. */
export const address: SettingKind<{ readonly host: string; readonly port: number }> = {
  parse: (value) => {
    const [, ipv6, name = '127.0.0.1', digits] = /^(?:(?:\[([\da-f:.]+)\]|([\w.-]+)):)?(\d{1,5})$/i.exec(value) ?? [];
    const port = Number(digits);
    return port <= 65_535 ? { host: ipv6 ?? name, port } : undefined;
  },
  allowed: 'an address and a port like 127.0.0.1:9464, or a port from 0 to 65535',
};

/** The values that errors and shell completion name. */
export function offering(...values: readonly string[]): Pick<SettingKind<unknown>, 'allowed' | 'values'> {
  return { allowed: `one of ${values.join(', ')}`, values };
}
