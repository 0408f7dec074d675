import { join, posix } from 'node:path';
import { readSystemFile } from './proc-files.js';

/** Memory of the group with the tightest limit among the group of this process and those above it. */
export interface GroupMemory {
  readonly limitBytes: number;
  readonly currentBytes: number;
  /** Cached file contents that the kernel gives up first. */
  readonly reclaimableBytes: number;
  /** Undefined where the kernel does not limit it separately. */
  readonly swapLimitBytes: number | undefined;
  readonly swapBytes: number | undefined;
}

export interface GroupCpu {
  /** How many CPUs the tightest quota allows, e.g. 1.5. */
  readonly limit: number;
  /** CPU time that the group has used. */
  readonly usedSeconds: number;
  readonly throttledSeconds: number;
}

/** Where one controller keeps its files: the folder of the group of this process first, then those above it. */
interface Controller {
  readonly version: 1 | 2;
  readonly folders: readonly string[];
}

/**
 * The limits of the control group of this process, of version 1 or 2, as container runtimes and systemd set them. `root` is `/`
 * outside of tests.
 */
export class ControlGroup {
  readonly #root: string;
  #controllers: Promise<(name: string) => Controller | undefined> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Undefined without a limit. */
  async memory(): Promise<GroupMemory | undefined> {
    const controller = await this.#find('memory');
    if (controller === undefined) return undefined;
    const names = MEMORY_FILES[controller.version];
    const tightest = await findTightest(controller, (folder) => readLimit(join(folder, names.limit)));
    if (tightest === undefined) return undefined;
    const { folder, limit } = tightest;
    const [current, stat, swapLimitBytes, swapBytes] = await Promise.all([
      readLimit(join(folder, names.current)),
      readSystemFile(join(folder, 'memory.stat')),
      ...(names.swap ?? []).map((name) => readLimit(join(folder, name))),
    ]);
    const reclaimableBytes = readField(stat ?? '', names.reclaimable) ?? 0;
    return { limitBytes: limit, currentBytes: current ?? 0, reclaimableBytes, swapLimitBytes, swapBytes };
  }

  /** Undefined without a quota. */
  async cpu(): Promise<GroupCpu | undefined> {
    const controller = await this.#find('cpu');
    if (controller === undefined) return undefined;
    const tightest = await findTightest(controller, controller.version === 2 ? readQuota : readQuotaV1);
    if (tightest === undefined) return undefined;
    const { folder, limit } = tightest;
    const stat = (await readSystemFile(join(folder, 'cpu.stat'))) ?? '';
    if (controller.version === 2) {
      const usedSeconds = (readField(stat, 'usage_usec') ?? 0) / 1e6;
      return { limit, usedSeconds, throttledSeconds: (readField(stat, 'throttled_usec') ?? 0) / 1e6 };
    }
    const accounting = (await this.#find('cpuacct'))?.folders[0] ?? folder;
    const used = (await readLimit(join(accounting, 'cpuacct.usage'))) ?? 0;
    return { limit, usedSeconds: used / 1e9, throttledSeconds: (readField(stat, 'throttled_time') ?? 0) / 1e9 };
  }

  async #find(name: string): Promise<Controller | undefined> {
    // Read once: a service or container does not leave its group.
    this.#controllers ??= readControllers(this.#root);
    return (await this.#controllers)(name);
  }
}

const MEMORY_FILES = {
  1: {
    limit: 'memory.limit_in_bytes',
    current: 'memory.usage_in_bytes',
    reclaimable: 'total_inactive_file',
    // It limits memory and swap only together.
    swap: undefined,
  },
  2: {
    limit: 'memory.max',
    current: 'memory.current',
    reclaimable: 'inactive_file',
    swap: ['memory.swap.max', 'memory.swap.current'],
  },
} as const;

async function readControllers(root: string): Promise<(name: string) => Controller | undefined> {
  const [groups = '', mounts = ''] = await Promise.all([
    readSystemFile(join(root, 'proc/self/cgroup')),
    readSystemFile(join(root, 'proc/self/mountinfo')),
  ]);
  const found = parseControllers(groups, mounts);
  return (name) => {
    const controller = found.get(name) ?? found.get('');
    if (controller === undefined) return undefined;
    return { ...controller, folders: controller.folders.map((folder) => join(root, folder)) };
  };
}

/**
 * By the name of the controller; version 2 has one hierarchy for all, under the empty name. In /proc/self/cgroup a line is
 * `number:controllers:path`. In /proc/self/mountinfo, the fourth word is the part of the hierarchy that is mounted, the fifth is
 * where; after a lone dash come type and options.
 */
export function parseControllers(groups: string, mounts: string): ReadonlyMap<string, Controller> {
  const found = new Map<string, Controller>();
  const mounted = parseMounts(mounts);
  for (const [, names = '', path = ''] of groups.matchAll(/^\d+:([^:]*):(\/.*)$/gm)) {
    for (const name of names.split(',')) {
      const mount = mounted.find(({ controllers }) => controllers.includes(name));
      if (mount === undefined) continue;
      found.set(name, { version: name === '' ? 2 : 1, folders: foldersUpTo(mount, path) });
    }
  }
  return found;
}

interface Mount {
  readonly root: string;
  readonly folder: string;
  readonly controllers: readonly string[];
}

function parseMounts(mounts: string): readonly Mount[] {
  return mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [, , , root = '', folder = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    if (type === 'cgroup2') return [{ root, folder, controllers: [''] }];
    return type === 'cgroup' ? [{ root, folder, controllers: options.split(',') }] : [];
  });
}

/** A container may see a path of the machine that is not mounted in it; its own group is then the mounted one. */
function foldersUpTo({ root, folder }: Mount, path: string): readonly string[] {
  const isBelow = root === '/' || path === root || path.startsWith(`${root}/`);
  const relative = isBelow ? posix.relative(root, path) : '';
  const names = relative === '' || relative.startsWith('..') ? [] : relative.split('/');
  return [...names.keys(), names.length].reverse().map((depth) => posix.join(folder, ...names.slice(0, depth)));
}

async function findTightest(
  { folders }: Controller,
  read: (folder: string) => Promise<number | undefined>,
): Promise<{ readonly folder: string; readonly limit: number } | undefined> {
  const limits = await Promise.all(folders.map(async (folder) => ({ folder, limit: await read(folder) })));
  return limits.reduce<{ readonly folder: string; readonly limit: number } | undefined>(
    (tightest, { folder, limit }) =>
      limit !== undefined && (tightest === undefined || limit < tightest.limit) ? { folder, limit } : tightest,
    undefined,
  );
}

/** What version 1 has instead of "none": the largest number of pages. */
const NO_LIMIT_BYTES = 2 ** 60;

/** Undefined for `max`, and for the number that means none. */
async function readLimit(path: string): Promise<number | undefined> {
  const text = (await readSystemFile(path))?.trim() ?? '';
  const value = /^\d+$/.test(text) ? Number(text) : undefined;
  return value === undefined || value >= NO_LIMIT_BYTES ? undefined : value;
}

/** cpu.max: `150000 100000`, or `max 100000`. */
async function readQuota(folder: string): Promise<number | undefined> {
  const text = (await readSystemFile(join(folder, 'cpu.max'))) ?? '';
  const [, quota, period] = /^(\d+) (\d+)$/m.exec(text) ?? [];
  return quota === undefined || Number(period) === 0 ? undefined : Number(quota) / Number(period);
}

/** A quota of -1 means none. */
async function readQuotaV1(folder: string): Promise<number | undefined> {
  const [quota, period] = await Promise.all([
    readLimit(join(folder, 'cpu.cfs_quota_us')),
    readLimit(join(folder, 'cpu.cfs_period_us')),
  ]);
  return quota === undefined || period === undefined || period === 0 ? undefined : quota / period;
}

function readField(text: string, name: string): number | undefined {
  const digits = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
