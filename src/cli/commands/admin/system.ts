import { AdminApiError, type AdminClient } from '../../../admin/client/index.js';
import type { Output } from '../../terminal/output.js';
import { printFields } from '../../terminal/tables.js';
import { adminCommand } from './admin-command.js';

const PARTS = {
  info: (client: AdminClient) => client.systemInfo(),
  cpu: (client: AdminClient) => client.systemCpu(),
  memory: (client: AdminClient) => client.systemMemory(),
  disk: (client: AdminClient) => client.systemDisk(),
  network: (client: AdminClient) => client.systemNetwork(),
  process: (client: AdminClient) => client.systemProcess(),
} as const;

type Facts = Readonly<Record<string, unknown>>;

/** `mxcp admin system`: one part as the server answers it, or all of them by name. */
export const system = adminCommand({
  ask: async (client, { args: [part] }): Promise<Facts> => {
    if (part !== undefined && isPart(part)) return PARTS[part](client);
    const parts = Object.entries(PARTS).map(async ([name, ask]) => [name, await orUnsupported(ask(client))] as const);
    return Object.fromEntries(await Promise.all(parts));
  },
  print: printFacts,
});

function isPart(name: string): name is keyof typeof PARTS {
  return Object.hasOwn(PARTS, name);
}

/** One part that this system does not offer must not hide the others. */
async function orUnsupported(answer: Promise<Facts>): Promise<Facts> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AdminApiError && error.code === 'platform_unsupported')
      return { not_available: error.message };
    throw error;
  }
}

function printFacts(facts: Facts, output: Output): void {
  printFields(output, toFields(facts, ''));
}

type Field = readonly [name: string, value: string];

function toFields(facts: Facts, prefix: string): readonly Field[] {
  return Object.entries(facts).flatMap(([key, value]): readonly Field[] => {
    if (key === 'filesystems' && Array.isArray(value)) return value.map((each: unknown) => toFilesystem(each, prefix));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      // An object of an answer has plain keys.
      return toFields(value as Facts, `${key} `);
    return [[prefix + nameOf(key), toText(key, value)]];
  });
}

function nameOf(key: string): string {
  return key.replace(/_(?:bytes|seconds|percent)$/, '').replaceAll('_', ' ');
}

function toFilesystem(each: unknown, prefix: string): Field {
  // One entry of `filesystems` in the contract.
  const { path, holds, free_bytes: free, total_bytes: total, error } = each as Facts;
  const space = error === null ? `${toText('_bytes', free)} of ${toText('_bytes', total)} free` : String(error);
  return [`${prefix}of the ${String(holds)}`, `${space} (${String(path)})`];
}

function toText(key: string, value: unknown): string {
  if (value === null) return 'not known';
  if (Array.isArray(value)) return value.map((each: unknown) => toText(key, each)).join(', ');
  if (typeof value !== 'number') return String(value);
  if (key === 'boot_time_seconds') return new Date(value * 1000).toISOString();
  if (/_bytes$|^bytes_/.test(key)) return formatBytes(value);
  if (key.endsWith('percent')) return `${value} %`;
  return key.endsWith('_seconds') ? `${value} s` : String(value);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 B`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${UNITS[power] ?? 'B'}`;
}
