import { readFile } from 'node:fs/promises';

/** The texts of files in /proc and /sys; each parser takes one and returns undefined for what is not in it. */

/** Undefined for a file that does not exist or may not be read: each system shows a different part of these files. */
export async function readSystemFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

export interface CpuTicks {
  readonly busy: number;
  readonly total: number;
}

/** /proc/stat: the whole machine first, then each CPU, in ticks since it started. */
export function parseCpuTicks(text: string): readonly CpuTicks[] {
  return [...text.matchAll(/^cpu\d* +(\d[\d ]*)$/gm)].map(([, numbers = '']) => {
    // Guest time, from the ninth number on, is in user time already.
    const ticks = numbers.trim().split(/ +/).slice(0, 8).map(Number);
    const [, , , idle = 0, ioWait = 0] = ticks;
    const total = ticks.reduce((sum, each) => sum + each, 0);
    return { busy: total - idle - ioWait, total };
  });
}

/** /proc/stat: seconds since 1970. */
export function parseBootTime(text: string): number | undefined {
  return toNumber(/^btime (\d+)$/m.exec(text)?.[1]);
}

/** /proc/cpuinfo; undefined where it names no cores, as on ARM. */
export function parsePhysicalCores(text: string): number | undefined {
  const cores = text.split('\n\n').flatMap((block) => {
    const core = /^core id\s*: (\d+)$/m.exec(block)?.[1];
    const socket = /^physical id\s*: (\d+)$/m.exec(block)?.[1];
    return core === undefined || socket === undefined ? [] : [`${socket}/${core}`];
  });
  return cores.length === 0 ? undefined : new Set(cores).size;
}

export interface MemoryFacts {
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly freeBytes: number;
  readonly swapTotalBytes: number;
  readonly swapFreeBytes: number;
}

/** /proc/meminfo. */
export function parseMemory(text: string): MemoryFacts | undefined {
  const bytes = (name: string): number | undefined => parseKilobytes(text, name);
  const [totalBytes, freeBytes] = [bytes('MemTotal'), bytes('MemFree')];
  if (totalBytes === undefined || freeBytes === undefined) return undefined;
  return {
    totalBytes,
    freeBytes,
    availableBytes: bytes('MemAvailable') ?? freeBytes,
    swapTotalBytes: bytes('SwapTotal') ?? 0,
    swapFreeBytes: bytes('SwapFree') ?? 0,
  };
}

export interface DiskCounters {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readCount: number;
  readonly writeCount: number;
}

/** Sectors in /proc/diskstats have this size on every disk. */
const SECTOR_BYTES = 512;
/** Layers over other disks, whose work would count twice, and disks without a device. */
const NOT_A_DISK = /^(?:loop|ram|zram|dm-|md|sr|fd)\d*/;

/** /proc/diskstats, the sum over whole disks. */
export function parseDiskCounters(text: string): DiskCounters {
  const disks = [...text.matchAll(/^ *\d+ +\d+ (\S+) ([\d ]+)$/gm)].map(([, name = '', numbers = '']) => {
    const [readCount = 0, , readSectors = 0, , writeCount = 0, , writeSectors = 0] = numbers.split(' ').map(Number);
    return { name, readCount, readSectors, writeCount, writeSectors };
  });
  const whole = disks.filter(({ name }) => !NOT_A_DISK.test(name) && !isPartition(name, disks));
  const sum = (read: (disk: (typeof disks)[number]) => number): number =>
    whole.reduce((total, disk) => total + read(disk), 0);
  return {
    readBytes: sum(({ readSectors }) => readSectors) * SECTOR_BYTES,
    writeBytes: sum(({ writeSectors }) => writeSectors) * SECTOR_BYTES,
    readCount: sum(({ readCount }) => readCount),
    writeCount: sum(({ writeCount }) => writeCount),
  };
}

/** `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`. */
function isPartition(name: string, disks: readonly { readonly name: string }[]): boolean {
  return disks.some((disk) => name.startsWith(disk.name) && /^p?\d+$/.test(name.slice(disk.name.length)));
}

export interface NetworkCounters {
  readonly bytesSent: number;
  readonly bytesRecv: number;
  readonly packetsSent: number;
  readonly packetsRecv: number;
  readonly errin: number;
  readonly errout: number;
  readonly dropin: number;
  readonly dropout: number;
}

/** /proc/net/dev, the sum over all interfaces. */
export function parseNetwork(text: string): NetworkCounters {
  const columns = Array.from({ length: 16 }, () => 0);
  for (const [, numbers = ''] of text.matchAll(/^ *[^\s:|]+: *(\d[\d ]*)$/gm)) {
    for (const [index, value] of numbers.trim().split(/ +/).entries())
      columns[index] = (columns[index] ?? 0) + Number(value);
  }
  const [bytesRecv = 0, packetsRecv = 0, errin = 0, dropin = 0, , , , , ...sent] = columns;
  const [bytesSent = 0, packetsSent = 0, errout = 0, dropout = 0] = sent;
  return { bytesSent, bytesRecv, packetsSent, packetsRecv, errin, errout, dropin, dropout };
}

export interface ProcessFacts {
  readonly status: string | undefined;
  readonly rssBytes: number | undefined;
  readonly vmsBytes: number | undefined;
  readonly threads: number | undefined;
}

const STATES: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk-sleep',
  T: 'stopped',
  t: 'tracing-stop',
  Z: 'zombie',
  X: 'dead',
  I: 'idle',
};

/** /proc/self/status. */
export function parseProcess(text: string): ProcessFacts {
  const state = /^State:\s+(\S)/m.exec(text)?.[1] ?? '';
  return {
    status: STATES[state],
    rssBytes: parseKilobytes(text, 'VmRSS'),
    vmsBytes: parseKilobytes(text, 'VmSize'),
    threads: toNumber(/^Threads:\s+(\d+)$/m.exec(text)?.[1]),
  };
}

/** /proc/self/limits: the soft limit of open files; undefined when there is none. */
export function parseMaxFiles(text: string): number | undefined {
  return toNumber(/^Max open files\s+(\d+)/m.exec(text)?.[1]);
}

function parseKilobytes(text: string, name: string): number | undefined {
  const kilobytes = toNumber(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

function toNumber(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
