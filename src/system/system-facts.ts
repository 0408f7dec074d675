import type { StatsFs } from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { arch, availableParallelism, cpus, freemem, loadavg, release, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import type {
  SystemDiskRecord,
  SystemInfoRecord,
  SystemMemoryRecord,
  SystemNetworkRecord,
  SystemProcessRecord,
} from '../contract/index.js';
import { messageOf, MxcpError } from '../errors/index.js';
import { within } from '../lifecycle/index.js';
import type { ControlGroup } from './control-group.js';
import {
  parseBootTime,
  parseDiskCounters,
  parseMaxFiles,
  parseMemory,
  parseNetwork,
  parsePhysicalCores,
  parseProcess,
  readSystemFile,
} from './proc-files.js';

/** The folders whose file systems matter to this server, by what they hold. */
export type WatchedFolders = readonly { readonly holds: 'database' | 'project'; readonly path: string }[];

/** A file system without an answer in this time is reported as such: a network file system may hang. */
const ANSWER_MS = 1000;

export async function readInfo(root: string, group: ControlGroup): Promise<SystemInfoRecord> {
  const [stat = '', cpuinfo = '', quota, memory] = await Promise.all([
    readSystemFile(join(root, 'proc/stat')),
    readSystemFile(join(root, 'proc/cpuinfo')),
    group.cpu(),
    readTotalMemory(root, group),
  ]);
  const usable = availableParallelism();
  return {
    bootTimeSeconds: parseBootTime(stat) ?? Math.floor(Date.now() / 1000 - uptime()),
    cpuCountPhysical: parsePhysicalCores(cpuinfo) ?? null,
    cpuCountLogical: quota === undefined ? usable : Math.min(usable, Math.ceil(quota.limit)),
    cpuLimit: quota?.limit ?? null,
    cpuSource: quota === undefined || quota.limit >= usable ? 'host' : 'cgroup',
    memoryTotalBytes: memory.totalBytes,
    memorySource: memory.source,
    platform: process.platform,
    architecture: arch(),
    kernel: release(),
    nodeVersion: process.version,
  };
}

async function readTotalMemory(root: string, group: ControlGroup) {
  const { totalBytes, source } = await readMemory(root, group);
  return { totalBytes, source };
}

export async function readMemory(root: string, group: ControlGroup): Promise<SystemMemoryRecord> {
  const [meminfo = '', ofProcess = '', limited] = await Promise.all([
    readSystemFile(join(root, 'proc/meminfo')),
    readSystemFile(join(root, 'proc/self/status')),
    group.memory(),
  ]);
  const host = parseMemory(meminfo);
  const { rssBytes = process.memoryUsage.rss(), vmsBytes = null } = parseProcess(ofProcess);
  const own = { mxcpProcessRssBytes: rssBytes, mxcpProcessVmsBytes: vmsBytes };
  const whole = host ?? { totalBytes: totalmem(), availableBytes: freemem(), freeBytes: freemem() };
  if (limited === undefined || limited.limitBytes >= whole.totalBytes) {
    const used = whole.totalBytes - whole.availableBytes;
    return {
      ...whole,
      usedBytes: used,
      percent: percentOf(used, whole.totalBytes),
      source: 'host',
      ...swap(host),
      ...own,
    };
  }
  const totalBytes = limited.limitBytes;
  const usedBytes = Math.max(0, limited.currentBytes - limited.reclaimableBytes);
  // The machine may have less left than the group may take.
  const availableBytes = Math.max(0, Math.min(totalBytes - usedBytes, whole.availableBytes));
  return {
    totalBytes,
    usedBytes,
    availableBytes,
    freeBytes: Math.max(0, Math.min(totalBytes - limited.currentBytes, whole.freeBytes)),
    percent: percentOf(totalBytes - availableBytes, totalBytes),
    source: 'cgroup',
    ...swap(withinGroup(host, limited)),
    ...own,
  };
}

interface Swap {
  readonly swapTotalBytes: number;
  readonly swapFreeBytes: number;
}

function withinGroup(
  host: Swap | undefined,
  {
    swapLimitBytes,
    swapBytes = 0,
  }: { readonly swapLimitBytes: number | undefined; readonly swapBytes: number | undefined },
): Swap | undefined {
  if (host === undefined || swapLimitBytes === undefined || swapLimitBytes >= host.swapTotalBytes) return host;
  return { swapTotalBytes: swapLimitBytes, swapFreeBytes: Math.max(0, swapLimitBytes - swapBytes) };
}

function swap(facts: Swap | undefined) {
  if (facts === undefined)
    return { swapTotalBytes: null, swapUsedBytes: null, swapFreeBytes: null, swapPercent: null } as const;
  const { swapTotalBytes, swapFreeBytes } = facts;
  const swapUsedBytes = swapTotalBytes - swapFreeBytes;
  return { swapTotalBytes, swapUsedBytes, swapFreeBytes, swapPercent: percentOf(swapUsedBytes, swapTotalBytes) };
}

export async function readDisk(root: string, folders: WatchedFolders): Promise<SystemDiskRecord> {
  const [main, counters, filesystems] = await Promise.all([
    readSpace('/'),
    readSystemFile(join(root, 'proc/diskstats')),
    readFilesystems(folders),
  ]);
  const io = counters === undefined ? NO_COUNTERS : parseDiskCounters(counters);
  return { ...main, ...io, filesystems };
}

const NO_COUNTERS = { readBytes: null, writeBytes: null, readCount: null, writeCount: null } as const;

/** The file systems of these folders. One that does not answer has its error instead of numbers. */
export function readFilesystems(folders: WatchedFolders): Promise<SystemDiskRecord['filesystems']> {
  return Promise.all(folders.map(readFilesystem));
}

async function readFilesystem({
  holds,
  path,
}: WatchedFolders[number]): Promise<SystemDiskRecord['filesystems'][number]> {
  try {
    return { path, holds, ...(await readSpace(path)), error: null };
  } catch (error) {
    return { path, holds, totalBytes: null, usedBytes: null, freeBytes: null, percent: null, error: messageOf(error) };
  }
}

/** Questions without an answer yet. However often a client asks about a hung file system, only one thread waits for it. */
const asking = new Map<string, Promise<StatsFs>>();

function askForSpace(path: string): Promise<StatsFs> {
  const question = asking.get(path) ?? statfs(path).finally(() => asking.delete(path));
  asking.set(path, question);
  return question;
}

async function readSpace(path: string) {
  const space = await within(askForSpace(path), ANSWER_MS);
  if (space === undefined) throw new Error(`no answer within ${ANSWER_MS} ms`);
  const { bsize, blocks, bfree, bavail } = space;
  const usedBytes = (blocks - bfree) * bsize;
  const freeBytes = bavail * bsize;
  // As `df` does: what is reserved for root is neither used nor free.
  return { totalBytes: blocks * bsize, usedBytes, freeBytes, percent: percentOf(usedBytes, usedBytes + freeBytes) };
}

/** Throws `platform_unsupported`. */
export async function readNetwork(root: string): Promise<SystemNetworkRecord> {
  const text = await readSystemFile(join(root, 'proc/net/dev'));
  if (text !== undefined) return parseNetwork(text);
  throw new MxcpError(
    'platform_unsupported',
    `this system (${process.platform}) has no /proc/net/dev, which the network counters come from`,
  );
}

export async function readProcess(root: string, cpuPercent: number): Promise<SystemProcessRecord> {
  const [status = '', limits = '', descriptors] = await Promise.all([
    readSystemFile(join(root, 'proc/self/status')),
    readSystemFile(join(root, 'proc/self/limits')),
    countDescriptors(root),
  ]);
  const facts = parseProcess(status);
  return {
    pid: process.pid,
    status: facts.status ?? null,
    cpuPercent,
    memoryRssBytes: facts.rssBytes ?? process.memoryUsage.rss(),
    memoryVmsBytes: facts.vmsBytes ?? null,
    numThreads: facts.threads ?? null,
    numFds: descriptors,
    maxFds: parseMaxFiles(limits) ?? null,
  };
}

/** Null where the system has no such folder, and when there is no descriptor left to read it with. */
export async function countDescriptors(root: string): Promise<number | null> {
  const folder = process.platform === 'darwin' ? '/dev/fd' : join(root, 'proc/self/fd');
  const names = await readdir(folder).catch(() => undefined);
  // One of them was open only for this.
  return names === undefined ? null : names.length - 1;
}

export function readLoad() {
  const [loadAvg1min = 0, loadAvg5min = 0, loadAvg15min = 0] = loadavg();
  return { loadAvg1min, loadAvg5min, loadAvg15min };
}

/** For a system without /proc/stat. */
export function readPortableTicks() {
  const each = cpus().map(({ times }) => {
    const total = Object.values(times).reduce((sum, ms) => sum + ms, 0);
    return { busy: total - times.idle, total };
  });
  const whole = { busy: sumOf(each.map(({ busy }) => busy)), total: sumOf(each.map(({ total }) => total)) };
  return [whole, ...each];
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

/** To one decimal; 0 of nothing. */
export function percentOf(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.max(0, Math.round((part / whole) * 1000) / 10);
}
