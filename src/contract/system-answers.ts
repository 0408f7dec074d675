import { z } from 'zod';
import { component } from './components.js';

const count = z.int().min(0);
const percent = z.number().min(0);

const cpuSource = z
  .enum(['host', 'cgroup'])
  .describe('Which limit applies: the whole machine, or the CPU quota of the control group, as in a container.');

const memorySource = z
  .enum(['host', 'cgroup'])
  .describe('Which limit applies: the whole machine, or the memory limit of the control group, as in a container.');

export const logs = component(
  'Logs',
  'The last lines of the log, in the format of `--log-format`.',
  z.strictObject({
    lines: z.array(z.string()).describe('The oldest first; a line of several lines is one entry.'),
    left_out: count.describe('How many lines were written before the first one.'),
  }),
);

export const systemInfo = component(
  'SystemInfo',
  'The machine, or the part of it that the server may use.',
  z.strictObject({
    boot_time_seconds: z.number().describe('When the machine started, in seconds since 1970.'),
    cpu_count_physical: count.nullable().describe('Cores of the machine; null where the system does not say.'),
    cpu_count_logical: count.describe('CPUs that the server may use: within its affinity and its quota, rounded up.'),
    cpu_limit: z.number().nullable().describe('The CPU quota of the control group, e.g. 1.5; null without one.'),
    cpu_source: cpuSource,
    memory_total_bytes: count,
    memory_source: memorySource,
    platform: z.string().describe('`linux` or `darwin`.'),
    architecture: z.string(),
    kernel: z.string(),
    node_version: z.string(),
  }),
);

export const systemCpu = component(
  'SystemCpu',
  'CPU time since the last answer that is at least a second old; the first answer covers the time since the start.',
  z.strictObject({
    percent: percent.describe('Of all CPUs together, or of the quota of the control group.'),
    per_cpu_percent: z.array(percent).describe('Of each CPU of the machine.'),
    load_avg_1min: z.number(),
    load_avg_5min: z.number(),
    load_avg_15min: z.number(),
    source: cpuSource,
    throttled_seconds: z
      .number()
      .nullable()
      .describe('How long the quota has stopped the control group in total; null without a quota.'),
  }),
);

export const systemMemory = component(
  'SystemMemory',
  'Memory of the machine or of the control group, and of the server.',
  z.strictObject({
    total_bytes: count,
    available_bytes: count.describe('What programs can still get, including caches that would be given up.'),
    used_bytes: count,
    free_bytes: count,
    percent,
    source: memorySource,
    swap_total_bytes: count.nullable(),
    swap_used_bytes: count.nullable(),
    swap_free_bytes: count.nullable(),
    swap_percent: percent.nullable(),
    mxcp_process_rss_bytes: count,
    mxcp_process_vms_bytes: count.nullable(),
  }),
);

const filesystem = z.strictObject({
  path: z.string(),
  holds: z.enum(['database', 'project']),
  total_bytes: count.nullable(),
  used_bytes: count.nullable(),
  free_bytes: count.nullable(),
  percent: percent.nullable(),
  error: z.string().nullable().describe('Why there are no numbers.'),
});

export const systemDisk = component(
  'SystemDisk',
  'The root file system, the file systems of the database and of the project, and what all disks of the machine have read and written.',
  z.strictObject({
    total_bytes: count,
    used_bytes: count,
    free_bytes: count.describe('What an ordinary user can still write.'),
    percent,
    read_bytes: count.nullable(),
    write_bytes: count.nullable(),
    read_count: count.nullable(),
    write_count: count.nullable(),
    filesystems: z.array(filesystem),
  }),
);

export const systemNetwork = component(
  'SystemNetwork',
  'All interfaces together since they exist, including loopback; in a container only its own.',
  z.strictObject({
    bytes_sent: count,
    bytes_recv: count,
    packets_sent: count,
    packets_recv: count,
    errin: count,
    errout: count,
    dropin: count,
    dropout: count,
  }),
);

export const systemProcess = component(
  'SystemProcess',
  'The process of the server, without Python workers, which are processes of their own.',
  z.strictObject({
    pid: z.int(),
    status: z.string().nullable().describe('`running`, `sleeping`, `disk-sleep`, …'),
    cpu_percent: percent.describe('Of one CPU, so above 100 when several threads compute.'),
    memory_rss_bytes: count,
    memory_vms_bytes: count.nullable(),
    num_threads: count.nullable(),
    num_fds: count.nullable().describe('Open descriptors: files, sockets, pipes.'),
    max_fds: count.nullable().describe('How many descriptors the process may have; null without a limit.'),
  }),
);
