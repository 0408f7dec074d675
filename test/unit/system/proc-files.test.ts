import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseBootTime,
  parseCpuTicks,
  parseDiskCounters,
  parseMaxFiles,
  parseMemory,
  parseNetwork,
  parsePhysicalCores,
  parseProcess,
} from '../../../src/system/proc-files.js';
import { parseControllers } from '../../../src/system/control-group.js';

describe('CPU ticks', () => {
  it('reads the machine and each CPU, and does not count guest time twice', () => {
    const text = 'cpu  100 10 50 800 20 5 15 0 40 0\ncpu0 60 5 25 400 10 0 0 0 20 0\nintr 1 2\nbtime 1700000000\n';
    expect(parseCpuTicks(text)).toEqual([
      { busy: 180, total: 1000 },
      { busy: 90, total: 500 },
    ]);
    expect(parseBootTime(text)).toBe(1_700_000_000);
  });

  it('counts waiting for disks as idle', () => {
    expect(parseCpuTicks('cpu 0 0 0 30 70 0 0 0 0 0')).toEqual([{ busy: 0, total: 100 }]);
  });
});

describe('memory', () => {
  it('reads kilobytes as bytes', () => {
    const text =
      'MemTotal:  4000 kB\nMemFree:  1000 kB\nMemAvailable:  2500 kB\nSwapTotal:  300 kB\nSwapFree:  200 kB\n';
    expect(parseMemory(text)).toEqual({
      totalBytes: 4_096_000,
      freeBytes: 1_024_000,
      availableBytes: 2_560_000,
      swapTotalBytes: 307_200,
      swapFreeBytes: 204_800,
    });
  });

  it('is undefined when the file says nothing about it', () => {
    expect(parseMemory('')).toBeUndefined();
  });
});

describe('disks', () => {
  it('adds whole disks, without partitions and layers over other disks', () => {
    const text = [
      '   8       0 sda 10 0 100 0 20 0 200 0 0 0 0',
      '   8       1 sda1 9 0 99 0 19 0 199 0 0 0 0',
      ' 259       0 nvme0n1 1 0 8 0 2 0 16 0 0 0 0',
      ' 259       1 nvme0n1p1 1 0 8 0 2 0 16 0 0 0 0',
      ' 253       0 dm-0 7 0 70 0 7 0 70 0 0 0 0',
      '   7       0 loop0 7 0 70 0 7 0 70 0 0 0 0',
      '',
    ].join('\n');
    expect(parseDiskCounters(text)).toEqual({
      readBytes: 108 * 512,
      writeBytes: 216 * 512,
      readCount: 11,
      writeCount: 22,
    });
  });
});

describe('network', () => {
  it('adds all interfaces', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0',
      '  eth0:    1000      20    1    2    0     0          0         0     3000      40    3    4    0     0       0          0',
      '',
    ].join('\n');
    expect(parseNetwork(text)).toEqual({
      bytesSent: 3100,
      bytesRecv: 1100,
      packetsSent: 42,
      packetsRecv: 22,
      errin: 1,
      errout: 3,
      dropin: 2,
      dropout: 4,
    });
  });
});

describe('the process', () => {
  it('reads state, memory and threads', () => {
    const text = 'Name:\tmxcp\nState:\tS (sleeping)\nThreads:\t21\nVmSize:\t  2000 kB\nVmRSS:\t   100 kB\n';
    expect(parseProcess(text)).toEqual({ status: 'sleeping', rssBytes: 102_400, vmsBytes: 2_048_000, threads: 21 });
  });

  it('reads the soft limit of open files', () => {
    const head = 'Limit                     Soft Limit           Hard Limit           Units\n';
    expect(parseMaxFiles(`${head}Max open files            1024                 524288               files\n`)).toBe(
      1024,
    );
    expect(
      parseMaxFiles(`${head}Max open files            unlimited            unlimited            files\n`),
    ).toBeUndefined();
  });
});

describe('cores', () => {
  it('counts a core with two threads once', () => {
    const block = (socket: number, core: number): string =>
      `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;
    expect(parsePhysicalCores([block(0, 0), block(0, 0), block(0, 1), block(1, 0)].join('\n'))).toBe(3);
    expect(parsePhysicalCores('processor\t: 0\nBogoMIPS\t: 50.00\n')).toBeUndefined();
  });
});

describe('every parser', () => {
  it('takes any text without throwing and without numbers that are not numbers', () => {
    const parsers = [
      parseCpuTicks,
      parseBootTime,
      parseDiskCounters,
      parseMaxFiles,
      parseMemory,
      parseNetwork,
      parsePhysicalCores,
      parseProcess,
    ];
    const line = oneof(
      string(),
      constantFrom('cpu  1 2', 'cpu0', ' 8 0 sda 1 2', 'eth0: 1 2 x', 'MemTotal:  kB', 'MemFree:  9 kB', 'Threads:\tx'),
    );
    assert(
      property(array(line), (lines) => {
        for (const parse of parsers) expect(JSON.stringify(parse(lines.join('\n'))) ?? '').not.toContain('null');
      }),
    );
  });
});

describe('where the control groups are', () => {
  it('finds version 2, and the groups above', () => {
    const mounts = '31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
    expect(parseControllers('0::/system.slice/mxcp.service\n', mounts).get('')).toEqual({
      version: 2,
      folders: ['/sys/fs/cgroup/system.slice/mxcp.service', '/sys/fs/cgroup/system.slice', '/sys/fs/cgroup'],
    });
  });

  it('finds version 1, with controllers that share a mount', () => {
    const mounts = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n';
    const found = parseControllers('4:cpu,cpuacct:/docker/1f\n', mounts);
    expect(found.get('cpu')).toEqual({
      version: 1,
      folders: [
        '/sys/fs/cgroup/cpu,cpuacct/docker/1f',
        '/sys/fs/cgroup/cpu,cpuacct/docker',
        '/sys/fs/cgroup/cpu,cpuacct',
      ],
    });
    expect(found.get('cpuacct')).toEqual(found.get('cpu'));
  });

  it.each([
    ['its own group is mounted', '/docker/1f', '/docker/1f', '/sys/fs/cgroup/memory'],
    ['a group of the machine is not mounted in the container', '/docker/1f', '/docker/2e', '/sys/fs/cgroup/memory'],
    ['it left the mounted part', '/a', '/../b', '/sys/fs/cgroup/memory'],
  ])('uses the mounted folder when %s', (_case, root, path, folder) => {
    const mounts = `33 31 0:32 ${root} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n`;
    expect(parseControllers(`4:memory:${path}\n`, mounts).get('memory')?.folders).toEqual([folder]);
  });

  it('takes any text without throwing', () => {
    assert(property(string(), string(), (groups, mounts) => parseControllers(groups, mounts).size >= 0));
  });
});
