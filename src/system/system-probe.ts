import { join } from 'node:path';
import type {
  SystemCpuRecord,
  SystemDiskRecord,
  SystemInfoRecord,
  SystemMemoryRecord,
  SystemNetworkRecord,
  SystemProcessRecord,
} from '../contract/index.js';
import { ControlGroup, type GroupCpu } from './control-group.js';
import { type CpuTicks, parseCpuTicks, readSystemFile } from './proc-files.js';
import {
  percentOf,
  readDisk,
  readInfo,
  readLoad,
  readMemory,
  readNetwork,
  readPortableTicks,
  readProcess,
  type WatchedFolders,
} from './system-facts.js';

/** A shorter time between two samples says more about the ticks of the clock than about the load. */
const LEAST_WINDOW_MS = 1000;

interface CpuSample {
  readonly atMs: number;
  /** The whole machine first, then each CPU. */
  readonly ticks: readonly CpuTicks[];
  readonly group: GroupCpu | undefined;
  readonly ownSeconds: number;
}

/**
 * Facts about the machine, the limits of the control group, and this process. Each answer reads small files in /proc and /sys
 * in the thread pool and never waits for a second sample: CPU percentages compare with an earlier answer, and the first with
 * the start. `root` is `/` outside of tests.
 */
export class SystemProbe {
  readonly #root: string;
  readonly #group: ControlGroup;
  readonly #folders: () => WatchedFolders;
  /** What answers compare with. It is at least a second older than `#latest`, however many clients ask. */
  #base: Promise<CpuSample>;
  #latest: Promise<CpuSample>;

  constructor(folders: () => WatchedFolders, root = '/') {
    this.#root = root;
    this.#group = new ControlGroup(root);
    this.#folders = folders;
    this.#base = this.#sample();
    this.#latest = this.#base;
  }

  info(): Promise<SystemInfoRecord> {
    return readInfo(this.#root, this.#group);
  }

  async cpu(): Promise<SystemCpuRecord> {
    const { before, now } = await this.#window();
    const { percent, source } = totalPercent(before, now);
    return {
      percent,
      perCpuPercent: now.ticks.slice(1).map((_, index) => ticksPercent(before.ticks[index + 1], now.ticks[index + 1])),
      ...readLoad(),
      source,
      throttledSeconds: now.group?.throttledSeconds ?? null,
    };
  }

  memory(): Promise<SystemMemoryRecord> {
    return readMemory(this.#root, this.#group);
  }

  disk(): Promise<SystemDiskRecord> {
    return readDisk(this.#root, this.#folders());
  }

  network(): Promise<SystemNetworkRecord> {
    return readNetwork(this.#root);
  }

  async process(): Promise<SystemProcessRecord> {
    const { before, now } = await this.#window();
    return readProcess(this.#root, percentOf((now.ownSeconds - before.ownSeconds) * 1000, now.atMs - before.atMs));
  }

  async #window(): Promise<{ readonly before: CpuSample; readonly now: CpuSample }> {
    const [now, latest] = await Promise.all([this.#sample(), this.#latest]);
    if (now.atMs - latest.atMs >= LEAST_WINDOW_MS) {
      this.#base = Promise.resolve(latest);
      this.#latest = Promise.resolve(now);
    }
    return { before: await this.#base, now };
  }

  async #sample(): Promise<CpuSample> {
    const [stat, group] = await Promise.all([readSystemFile(join(this.#root, 'proc/stat')), this.#group.cpu()]);
    const { user, system } = process.cpuUsage();
    const ticks = stat === undefined ? readPortableTicks() : parseCpuTicks(stat);
    return { atMs: performance.now(), ticks, group, ownSeconds: (user + system) / 1e6 };
  }
}

function totalPercent(before: CpuSample, now: CpuSample): Pick<SystemCpuRecord, 'percent' | 'source'> {
  const [, ...each] = now.ticks;
  const { group } = now;
  if (group === undefined || before.group === undefined || group.limit >= each.length)
    return { percent: ticksPercent(before.ticks[0], now.ticks[0]), source: 'host' };
  const used = group.usedSeconds - before.group.usedSeconds;
  const allowed = (group.limit * (now.atMs - before.atMs)) / 1000;
  return { percent: Math.min(100, percentOf(used, allowed)), source: 'cgroup' };
}

function ticksPercent(before: CpuTicks | undefined, now: CpuTicks | undefined): number {
  if (before === undefined || now === undefined) return 0;
  return percentOf(now.busy - before.busy, now.total - before.total);
}
