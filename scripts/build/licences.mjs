import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolderOf } from './package-of-module.mjs';

const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;

/** The licences of all packages in these files, which must accompany every copy. Throws if a package has none. */
export function readLicences(modules) {
  const folders = new Set(modules.map(packageFolderOf).filter((folder) => folder !== undefined));
  return [...folders]
    .sort()
    .map(readLicence)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function readLicence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder)
    .filter((file) => LICENCE_FILE.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (license === undefined && texts.length === 0) throw new Error(`${name} has no licence`);
  return `${name} ${version} (${license ?? 'see below'})\n\n${texts.join('\n\n')}\n`;
}
