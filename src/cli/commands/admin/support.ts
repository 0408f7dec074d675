import { open, rm, stat } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { resolve } from 'node:path';
import type { AdminClient } from '../../../admin/client/index.js';
import { errorCodeOf, fileReasonOf, isMissing, messageOf, MxcpError, plural } from '../../../errors/index.js';
import { version } from '../../../version/index.js';
import type { Output } from '../../terminal/output.js';
import { printTable } from '../../terminal/tables.js';
import { adminCommand, type Invocation } from './admin-command.js';
import { formatBytes } from './system.js';
import { type ArchiveFile, toTarGz } from './tar-archive.js';

interface Part {
  readonly name: string;
  readonly holds: string;
  readonly read: (client: AdminClient, invocation: Invocation) => Promise<unknown>;
}

const LOG_LINES = 1000;

/** What an archive holds. The server builds each answer from a list of what may be shown, so none has a secret. */
const PARTS: readonly Part[] = [
  { name: 'status.json', holds: 'version, uptime, calls, reload state, checks', read: (client) => client.status() },
  { name: 'config.json', holds: 'the active configuration without secrets', read: (client) => client.config() },
  { name: 'endpoints.json', holds: 'endpoint files and their errors', read: (client) => client.endpoints() },
  { name: 'reloads.json', holds: 'the last reloads with their stages', read: (client) => client.reloads() },
  { name: 'metrics.json', holds: 'what the server counts', read: (client) => client.metrics() },
  { name: 'log.txt', holds: 'the last lines of the log', read: readLog },
  {
    name: 'system/info.json',
    holds: 'CPUs, memory and versions of the machine',
    read: (client) => client.systemInfo(),
  },
  { name: 'system/cpu.json', holds: 'CPU load', read: (client) => client.systemCpu() },
  { name: 'system/memory.json', holds: 'memory', read: (client) => client.systemMemory() },
  { name: 'system/disk.json', holds: 'disks', read: (client) => client.systemDisk() },
  { name: 'system/network.json', holds: 'network counters', read: (client) => client.systemNetwork() },
  { name: 'system/process.json', holds: 'the process of the server', read: (client) => client.systemProcess() },
  { name: 'client.json', holds: 'this command: versions, socket, names of variables', read: describeClient },
];

interface Archive {
  readonly file: string;
  readonly bytes: number;
  readonly files: readonly { readonly name: string; readonly holds: string; readonly bytes: number }[];
  readonly missing: readonly MissingPart[];
}

/** `mxcp admin support`: one archive for the people who help. What the server cannot answer is listed in the archive as missing. */
export const support = adminCommand({
  ask: async (client, invocation): Promise<Archive> => {
    const madeAt = new Date();
    const stamp = madeAt.toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const { output } = invocation.options;
    const name = typeof output === 'string' ? output : `mxcp-support-${stamp}.tar.gz`;
    const path = resolve(invocation.cwd, name);
    const { found, missing } = await readParts(client, invocation);
    const listed = found.map(({ part: { name: file, holds }, text }) => {
      return { name: file, holds, bytes: Buffer.byteLength(text) };
    });
    const files = found.map(({ part, text }) => ({ name: part.name, text }));
    const readme: ArchiveFile = { name: 'README.txt', text: toReadme(madeAt, listed, missing) };
    const archive = await toTarGz([readme, ...files], `mxcp-support-${stamp}`, madeAt);
    await writeNew(path, archive);
    return { file: path, bytes: archive.length, files: listed, missing };
  },
  print: printArchive,
});

interface FoundPart {
  readonly part: Part;
  readonly text: string;
}

interface MissingPart {
  readonly name: string;
  readonly reason: string;
}

/** At the same time, so that a server which does not answer costs one time limit and not ten. */
async function readParts(client: AdminClient, invocation: Invocation) {
  const parts = await Promise.all(PARTS.map((part) => readPart(part, client, invocation)));
  const found = parts.flatMap((part) => ('text' in part ? [part] : []));
  const missing = parts.flatMap((part) => ('text' in part ? [] : [part]));
  return { found, missing };
}

async function readPart(part: Part, client: AdminClient, invocation: Invocation): Promise<FoundPart | MissingPart> {
  try {
    const content = await part.read(client, invocation);
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
    return { part, text };
  } catch (error) {
    if (!(error instanceof MxcpError)) throw error;
    return { name: part.name, reason: error.message };
  }
}

async function readLog(client: AdminClient): Promise<string> {
  const { lines, left_out: leftOut } = await client.logs({ lines: LOG_LINES });
  const head = leftOut === 0 ? [] : [`(${plural(leftOut, 'earlier line')} left out)`];
  return [...head, ...lines, ''].join('\n');
}

async function describeClient(client: AdminClient, { env }: Invocation): Promise<unknown> {
  const { socketPath } = client;
  return {
    mxcp_version: version,
    node_version: process.version,
    platform: process.platform,
    architecture: arch(),
    kernel: release(),
    uid: process.getuid?.() ?? null,
    socket: { path: socketPath, ...(await describeSocket(socketPath)) },
    // Never their values.
    variables: Object.keys(env)
      .filter((name) => name.startsWith('MXCP_'))
      .sort(),
  };
}

async function describeSocket(path: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await stat(path).catch((error: unknown) => {
    return { error: isMissing(error) ? 'does not exist' : messageOf(error) };
  });
  if ('error' in found) return found;
  const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
  return { is_socket: found.isSocket(), mode, uid: found.uid, gid: found.gid };
}

function toReadme(madeAt: Date, files: Archive['files'], missing: Archive['missing']): string {
  return [
    `Made by \`mxcp admin support\` ${version} at ${madeAt.toISOString()}.`,
    '',
    'Secrets are removed from every file. Paths, names of endpoints, addresses of clients and error messages are not: look through the files before you send them to others.',
    '',
    ...files.map(({ name, holds }) => `${name}: ${holds}`),
    ...(missing.length === 0 ? [] : ['', 'Missing:', '']),
    ...missing.map(({ name, reason }) => `${name}: ${reason}`),
    '',
  ].join('\n');
}

/** Readable only by this user. Throws `usage` for a file that exists, and `output_failed`; then nothing is left of the file. */
async function writeNew(path: string, content: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (errorCodeOf(error) === 'EEXIST')
      throw new MxcpError('usage', `${path} exists already; choose another file with --output`);
    throw cannotWrite(path, error);
  });
  try {
    await file.writeFile(content).finally(() => file.close());
  } catch (error) {
    await rm(path, { force: true });
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, cause: unknown): MxcpError {
  const message = `cannot write ${path}: ${fileReasonOf(cause)}; choose another file with --output`;
  return new MxcpError('output_failed', message, { cause });
}

function printArchive({ file, bytes, files, missing }: Archive, output: Output): void {
  const rows = files.map((each) => [each.name, formatBytes(each.bytes), each.holds]);
  printTable(output, ['FILE', 'SIZE', 'HOLDS'], rows);
  for (const reason of new Set(missing.map((part) => part.reason))) {
    const names = missing.filter((part) => part.reason === reason).map(({ name }) => name);
    output.print(`missing: ${names.join(', ')}: ${reason}`);
  }
  output.print(`wrote ${file} (${formatBytes(bytes)}); look through it before you send it to others`);
}
