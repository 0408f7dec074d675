import { isAbsolute, join, relative } from 'node:path';
import { z } from 'zod';
import { FileReadError } from '../files/index.js';
import { parseDuration } from '../lifecycle/index.js';
import { hints } from '../yaml/index.js';

/** Of a file and of a data URI: a list has the icons of all endpoints in it. */
const MAX_ICON_BYTES = 64 * 1024;
const DATA_URI = /^data:image\/[\w.+-]+(?:;[\w.=+-]+)*;base64,[A-Za-z0-9+/]+=*$/;
const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  svg: 'image/svg+xml',
  webp: 'image/webp',
};

const source = z.string().superRefine((value, context) => {
  const message = whyNoIcon(value);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

function whyNoIcon(value: string): string | undefined {
  if (value.length > (MAX_ICON_BYTES * 4) / 3)
    return `is larger than ${MAX_ICON_BYTES / 1024} KiB; name a smaller image`;
  if (value.startsWith('data:'))
    return DATA_URI.test(value) ? undefined : 'must be an image in base 64, as in "data:image/png;base64,…"';
  if (/^https:\/\//i.test(value)) return URL.canParse(value) ? undefined : 'is not a URL';
  if (/^[a-z][a-z\d+.-]*:/i.test(value))
    return 'must be an `https://` URL, a `data:` URI or the path of an image of the project';
  return typeOf(value) === undefined
    ? 'must be a PNG, JPEG, SVG or WebP image, with a name that ends in .png, .jpg, .svg or .webp'
    : undefined;
}

function typeOf(path: string): string | undefined {
  return TYPES[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ''];
}

const icon = z.union([
  source,
  z.strictObject({
    src: source,
    mime_type: z
      .string()
      .regex(/^image\/[\w.+-]+$/, 'must be a media type of images, such as "image/png"')
      .optional(),
    sizes: z
      .array(z.string().regex(/^(?:[1-9]\d{0,4}x[1-9]\d{0,4}|any)$/, 'must be as in "48x48", or "any"'))
      .optional(),
    theme: z.enum(['light', 'dark']).optional(),
  }),
]);

/** `icons` of the site file and of an endpoint file. */
export const iconsSchema = z
  .array(icon)
  .max(8, 'must have at most 8 images')
  .register(hints, {
    hint: (written) => (typeof written === 'string' ? 'write a list: `icons: [images/logo.png]`' : undefined),
  });
export type WrittenIcons = z.output<typeof iconsSchema>;

/** As clients get it. */
export interface Icon {
  /** An `https:` URL or a `data:` URI. */
  readonly src: string;
  readonly mimeType?: string | undefined;
  readonly sizes?: readonly string[] | undefined;
  readonly theme?: 'light' | 'dark' | undefined;
}

/** What is wrong with one image, as a sentence about its path. */
export interface IconFinding {
  readonly index: number;
  readonly message: string;
}

export interface IconFolder {
  readonly projectRoot: string;
  /** What paths are relative to, relative to the project; one that begins with "/" is relative to the project itself. */
  readonly folder: string;
  /** Throws `FileReadError`. */
  readonly read: (path: string, maxBytes: number) => Promise<Uint8Array>;
}

/** Replaces the images of the project by `data:` URIs: a client can reach no file of the server. */
export async function readIcons(
  written: WrittenIcons,
  place: IconFolder,
): Promise<{ readonly icons: readonly Icon[]; readonly findings: readonly IconFinding[] }> {
  const findings: IconFinding[] = [];
  const icons = written.map(async (each, index): Promise<Icon> => {
    const { src, mime_type: declared, sizes, theme } = typeof each === 'string' ? { src: each } : each;
    const shown = { ...(sizes !== undefined && { sizes }), ...(theme !== undefined && { theme }) };
    if (/^(?:https|data):/i.test(src)) return { src, ...(declared !== undefined && { mimeType: declared }), ...shown };
    const mimeType = declared ?? typeOf(src) ?? 'image/png';
    const bytes = await readImage(src, place).catch((error: unknown) => {
      if (!(error instanceof FileReadError)) throw error;
      findings.push({ index, message: `the image ${src} ${error.message}` });
      return new Uint8Array();
    });
    return { src: `data:${mimeType};base64,${Buffer.from(bytes).toString('base64')}`, mimeType, ...shown };
  });
  return { icons: await Promise.all(icons), findings: findings.sort((a, b) => a.index - b.index) };
}

/** The images of the project among the icons, absolute. */
export function iconFilesOf(written: WrittenIcons, place: Omit<IconFolder, 'read'>): readonly string[] {
  const sources = written.map((each) => (typeof each === 'string' ? each : each.src));
  return sources.filter((src) => !/^(?:https|data):/i.test(src)).map((src) => pathOf(src, place));
}

function pathOf(src: string, { projectRoot, folder }: Omit<IconFolder, 'read'>): string {
  return join(projectRoot, isAbsolute(src) ? '' : folder, src);
}

async function readImage(src: string, place: IconFolder): Promise<Uint8Array> {
  const path = pathOf(src, place);
  if (relative(place.projectRoot, path).startsWith('..')) throw new FileReadError('is outside the project', false);
  const bytes = await place.read(path, MAX_ICON_BYTES);
  if (bytes.length === 0) throw new FileReadError('is empty', false);
  return bytes;
}

const MAX_TTL_MS = 24 * 60 * 60 * 1000;

/** `cache` of the site file, of a group and of a resource. */
export const cacheSchema = z
  .strictObject({
    ttl: z
      .union([z.string(), z.number()])
      .refine((value) => isTime(parseDuration(String(value))), {
        error: 'must be a time of at most 24h, like 30s or 5m (a bare number is seconds), or 0 for no caching',
      }),
    scope: z.enum(['public', 'private']).optional(),
  })
  .register(hints, {
    keys: { ttl_ms: 'ttl', ttlMs: 'ttl', max_age: 'ttl', time: 'ttl', cacheScope: 'scope' },
    hint: (written) =>
      typeof written === 'string' || typeof written === 'number'
        ? `write how long a client may keep it: \`cache: { ttl: ${written} }\``
        : undefined,
  });

function isTime(milliseconds: number | undefined): boolean {
  return milliseconds !== undefined && milliseconds <= MAX_TTL_MS;
}

/** How long a client may keep an answer, and whether it may show it to others. */
export interface CacheRule {
  readonly ttlMs: number;
  readonly scope: 'public' | 'private';
}

/** As it was written: without a scope, the server decides. */
export type DeclaredCache = Pick<CacheRule, 'ttlMs'> & { readonly scope: CacheRule['scope'] | undefined };
