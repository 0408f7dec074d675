import { readlink } from 'node:fs/promises';
import { join, parse, resolve, sep } from 'node:path';
import { isMissing } from '../../errors/index.js';

/** As the kernel does. */
const MAX_LINKS = 40;

/** A name in a folder: when what it stands for is replaced, the path that led through it leads elsewhere. */
export interface Place {
  readonly folder: string;
  readonly name: string;
}

/**
 * Every place where a change can make a path lead to other content: the file itself and each symbolic link on the way.
 * Kubernetes replaces none of the files of a volume but a link, `..data`, that all of them lead through. Where a folder
 * is missing, the place where it would appear is the last one.
 */
export async function findPlaces(path: string): Promise<readonly Place[]> {
  const places: Place[] = [];
  let { folder, names } = split(path);
  for (let links = 0; names.length > 0; ) {
    const [name = '', ...rest] = names;
    const found = await readLink(join(folder, name));
    if (found.kind !== 'other' || rest.length === 0) places.push({ folder, name });
    if (found.kind === 'missing') break;
    if (found.kind === 'link') {
      links += 1;
      if (links > MAX_LINKS) break;
      const target = split(resolve(folder, found.target));
      ({ folder } = target);
      names = [...target.names, ...rest];
    } else {
      folder = join(folder, name);
      names = rest;
    }
  }
  return places;
}

function split(path: string): { folder: string; names: readonly string[] } {
  const { root } = parse(path);
  return {
    folder: root,
    names: path
      .slice(root.length)
      .split(sep)
      .filter((name) => name !== ''),
  };
}

type Link =
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'other' };

async function readLink(path: string): Promise<Link> {
  try {
    return { kind: 'link', target: await readlink(path) };
  } catch (error) {
    return { kind: isMissing(error) ? 'missing' : 'other' };
  }
}
