import { MxcpError } from '../errors/index.js';

/** The descriptors of sockets that systemd listens on for this server. They stay open after it ends, so that no connection is refused meanwhile. */
export interface HandedSockets {
  readonly admin: number | undefined;
  readonly probe: number | undefined;
  /** Several, if the unit names several addresses. */
  readonly mcp: readonly number[];
}

/** What systemd passed to this process through its environment. */
export interface ServiceEnvironment {
  /** Where the service reports its state; undefined unless it runs with `Type=notify` or `notify-reload`, or has a watchdog. */
  readonly notifySocket: string | undefined;
  /** Without a sign of life within this time, systemd ends the service. */
  readonly watchdogMs: number | undefined;
  readonly sockets: HandedSockets;
}

const VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDNAMES',
] as const;

/**
 * Reads these variables and removes them, so that no child process, such as a Python worker, takes them for its own.
 * What is addressed to another process is ignored. Throws `socket_failed` for a socket that no part of the server listens on.
 */
export function takeServiceEnvironment(env: NodeJS.ProcessEnv, pid: number = process.pid): ServiceEnvironment {
  const taken = Object.fromEntries(VARIABLES.map((name) => [name, env[name]]));
  for (const name of VARIABLES) delete env[name];
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES = '' } = taken;
  const watchdogMs = Number(WATCHDOG_USEC) / 1000;
  const isWatched = watchdogMs > 0 && (WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid));
  return {
    notifySocket: NOTIFY_SOCKET === '' ? undefined : NOTIFY_SOCKET,
    watchdogMs: isWatched ? watchdogMs : undefined,
    sockets: assignSockets(LISTEN_PID === String(pid) ? Number(LISTEN_FDS) : 0, LISTEN_FDNAMES.split(':')),
  };
}

/** systemd hands descriptors over from this number on. */
const FIRST_DESCRIPTOR = 3;
/** The launcher uses 8 and 9 for standard input and output. */
const MOST_DESCRIPTORS = 5;
const ROLES = ['admin', 'probe', 'mcp'] as const;

/** By `FileDescriptorName=`. A single socket without one of these names is the admin socket. */
function assignSockets(count: number, names: readonly string[]): HandedSockets {
  if (!Number.isInteger(count) || count < 1) return { admin: undefined, probe: undefined, mcp: [] };
  if (count > MOST_DESCRIPTORS)
    throw new MxcpError(
      'socket_failed',
      `systemd handed over ${count} sockets; at most ${MOST_DESCRIPTORS} can be used: the admin socket, the probe socket and addresses of the MCP port`,
    );
  const found: Record<(typeof ROLES)[number], number[]> = { admin: [], probe: [], mcp: [] };
  for (let index = 0; index < count; index += 1) {
    const name = names[index] ?? '';
    const role = ROLES.find((known) => known === name) ?? (count === 1 ? 'admin' : undefined);
    if (role === undefined) throw unknownSocket(name);
    found[role].push(FIRST_DESCRIPTOR + index);
  }
  const { admin, probe, mcp } = found;
  if (admin.length > 1 || probe.length > 1)
    throw new MxcpError(
      'socket_failed',
      `systemd handed over several sockets named "${admin.length > 1 ? 'admin' : 'probe'}"; give that socket unit one \`ListenStream=\``,
    );
  return { admin: admin[0], probe: probe[0], mcp };
}

function unknownSocket(name: string): MxcpError {
  return new MxcpError(
    'socket_failed',
    `systemd handed over a socket named "${name}", which no part of the server listens on; set \`FileDescriptorName=\` of its unit to admin, probe or mcp`,
  );
}
