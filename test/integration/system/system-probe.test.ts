import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemProbe } from '../../../src/system/index.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mxcp-system-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const MIB = 1024 * 1024;
const MACHINE = {
  'proc/stat': 'cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nbtime 1700000000\n',
  'proc/meminfo': 'MemTotal: 8192 kB\nMemFree: 4096 kB\nMemAvailable: 6144 kB\nSwapTotal: 2048 kB\nSwapFree: 1024 kB\n',
  'proc/self/mountinfo': '',
  'proc/self/cgroup': '0::/\n',
};
const VERSION_2 = {
  ...MACHINE,
  'proc/self/mountinfo': '31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
  'proc/self/cgroup': '0::/box/inner\n',
};
const VERSION_1 = {
  ...MACHINE,
  'proc/self/mountinfo':
    '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
  'proc/self/cgroup': '4:memory:/box\n2:cpuacct:/box\n1:cpu:/box\n',
};

const probe = (): SystemProbe => new SystemProbe(() => [], root);

describe('memory', () => {
  it('is that of the machine without a limit', async () => {
    write({ ...VERSION_2, 'sys/fs/cgroup/box/inner/memory.max': 'max\n' });
    expect(await probe().memory()).toMatchObject({
      totalBytes: 8 * MIB,
      availableBytes: 6 * MIB,
      usedBytes: 2 * MIB,
      freeBytes: 4 * MIB,
      percent: 25,
      source: 'host',
      swapTotalBytes: 2 * MIB,
      swapUsedBytes: MIB,
      swapPercent: 50,
    });
  });

  it('is that of the tightest control group of version 2', async () => {
    write({
      ...VERSION_2,
      'sys/fs/cgroup/box/inner/memory.max': 'max\n',
      'sys/fs/cgroup/box/memory.max': `${4 * MIB}\n`,
      'sys/fs/cgroup/box/memory.current': `${3 * MIB}\n`,
      'sys/fs/cgroup/box/memory.stat': `anon 5\ninactive_file ${2 * MIB}\n`,
      'sys/fs/cgroup/box/memory.swap.max': '0\n',
      'sys/fs/cgroup/box/memory.swap.current': '0\n',
    });
    expect(await probe().memory()).toMatchObject({
      totalBytes: 4 * MIB,
      usedBytes: MIB,
      availableBytes: 3 * MIB,
      freeBytes: MIB,
      percent: 25,
      source: 'cgroup',
      swapTotalBytes: 0,
      swapPercent: 0,
    });
    expect(await probe().info()).toMatchObject({ memoryTotalBytes: 4 * MIB, memorySource: 'cgroup' });
  });

  it('is that of a control group of version 1', async () => {
    write({
      ...VERSION_1,
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/box/memory.limit_in_bytes': `${2 * MIB}\n`,
      'sys/fs/cgroup/memory/box/memory.usage_in_bytes': `${MIB}\n`,
      'sys/fs/cgroup/memory/box/memory.stat': 'inactive_file 1\ntotal_inactive_file 0\n',
    });
    expect(await probe().memory()).toMatchObject({
      totalBytes: 2 * MIB,
      usedBytes: MIB,
      percent: 50,
      source: 'cgroup',
    });
  });

  it('never says that more is available than the machine has', async () => {
    write({ ...VERSION_2, 'sys/fs/cgroup/box/memory.max': `${7 * MIB}\n`, 'sys/fs/cgroup/box/memory.current': '0\n' });
    expect(await probe().memory()).toMatchObject({ totalBytes: 7 * MIB, availableBytes: 6 * MIB, freeBytes: 4 * MIB });
  });
});

describe('CPU', () => {
  it('compares with the start, then with the answer before', async () => {
    write(MACHINE);
    const system = probe();
    await system.info();
    write({ 'proc/stat': 'cpu 30 0 10 60 0 0 0 0 0 0\ncpu0 50 0 0 50 0 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\n' });
    expect(await system.cpu()).toMatchObject({
      percent: 40,
      perCpuPercent: [50, 0],
      source: 'host',
      throttledSeconds: null,
    });
  });

  it.each([
    [
      'version 2',
      VERSION_2,
      { 'sys/fs/cgroup/box/cpu.max': '50000 100000\n' },
      (seconds: number) => ({ 'sys/fs/cgroup/box/cpu.stat': `usage_usec ${seconds * 1e6}\nthrottled_usec 2500000\n` }),
    ],
    [
      'version 1',
      VERSION_1,
      {
        'sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '50000\n',
        'sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      },
      (seconds: number) => ({
        'sys/fs/cgroup/cpu/box/cpu.stat': 'nr_throttled 3\nthrottled_time 2500000000\n',
        'sys/fs/cgroup/cpuacct/box/cpuacct.usage': `${seconds * 1e9}\n`,
      }),
    ],
  ])('is measured against the quota of a control group of %s', async (_version, machine, quota, used) => {
    write({ ...machine, ...quota, ...used(0) });
    const system = probe();
    expect(await system.info()).toMatchObject({ cpuLimit: 0.5, cpuCountLogical: 1, cpuSource: 'cgroup' });
    // More than the quota allows in the time since then, however slow this machine is.
    write(used(1e6));
    expect(await system.cpu()).toMatchObject({ percent: 100, source: 'cgroup', throttledSeconds: 2.5 });
  });

  it('does not wait for a measurement, however many ask', async () => {
    const system = new SystemProbe(() => []);
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, () => system.cpu()));
    // The reference waited 200 ms for each of them, one after the other.
    expect(performance.now() - startedAt).toBeLessThan(2000);
    for (const { perCpuPercent } of answers) expect(perCpuPercent).toHaveLength(cpus().length);
  });
});

describe('disk', () => {
  it('names the file systems of the database and the project, and why one has no numbers', async () => {
    const missing = join(root, 'missing');
    const system = new SystemProbe(() => [
      { holds: 'database', path: root },
      { holds: 'project', path: missing },
    ]);
    const disk = await system.disk();
    expect(disk.totalBytes).toBeGreaterThan(0);
    expect(disk.filesystems).toEqual([
      {
        path: root,
        holds: 'database',
        totalBytes: expect.any(Number),
        usedBytes: expect.any(Number),
        freeBytes: expect.any(Number),
        percent: expect.any(Number),
        error: null,
      },
      {
        path: missing,
        holds: 'project',
        totalBytes: null,
        usedBytes: null,
        freeBytes: null,
        percent: null,
        error: expect.stringContaining('ENOENT'),
      },
    ]);
  });
});

describe('a system without /proc', () => {
  it('answers what Node knows', async () => {
    const system = probe();
    expect(await system.info()).toMatchObject({ cpuCountPhysical: null, memoryTotalBytes: totalmem(), cpuLimit: null });
    expect(await system.memory()).toMatchObject({ source: 'host', swapTotalBytes: null, mxcpProcessVmsBytes: null });
    expect((await system.cpu()).perCpuPercent).toHaveLength(cpus().length);
    expect(await system.disk()).toMatchObject({ readBytes: null, writeCount: null });
    expect(await system.process()).toMatchObject({ pid: process.pid, status: null, numThreads: null, maxFds: null });
  });

  it('says that it cannot count the network', async () => {
    await expect(probe().network()).rejects.toMatchObject({ code: 'platform_unsupported', httpStatus: 501 });
  });
});

describe('the real system', () => {
  it('knows this process', async () => {
    const { status, memoryRssBytes, numThreads, numFds, maxFds } = await new SystemProbe(() => []).process();
    expect(status).toMatch(/^[a-z-]+$/);
    expect(memoryRssBytes).toBeGreaterThan(10 * MIB);
    expect(numThreads).toBeGreaterThan(1);
    expect(numFds).toBeGreaterThan(2);
    expect(maxFds === null || maxFds > (numFds ?? 0)).toBe(true);
  });
});
