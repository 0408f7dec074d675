import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Koffi } from '@koromix/koffi-linux-x64';
import { messageOf } from '../errors/index.js';
import type { Logger } from '../logging/index.js';

/** Reports the state of the service to systemd: lines of `NAME=value`, as `sd_notify` sends them. */
export interface NotifySocket {
  /** Does not wait. Messages arrive in order; what cannot be sent is logged once. */
  send(...lines: readonly string[]): void;
}

const KOFFI: Readonly<Record<string, () => Promise<{ readonly default: Koffi }>>> = {
  x64: () => import('@koromix/koffi-linux-x64'),
  arm64: () => import('@koromix/koffi-linux-arm64'),
};

/**
 * Opens the socket at `address`, a path or `@` and an abstract name. Node has no datagram sockets of this kind, so it calls the C
 * library where koffi is installed, and otherwise the program `systemd-notify`, whose messages systemd takes only with
 * `NotifyAccess=all`.
 */
export async function openNotifySocket(
  address: string,
  logger: Logger,
  arch: string = process.arch,
): Promise<NotifySocket> {
  try {
    const koffi = await KOFFI[arch]?.();
    if (koffi === undefined) throw new Error(`there is none for ${arch}`);
    return new DatagramSocket(koffi.default, address, logger);
  } catch (error) {
    logger.debug({ reason: messageOf(error) }, 'koffi is not available; systemd is notified by `systemd-notify`');
    return new NotifyProgram(address, logger);
  }
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** EINTR, EAGAIN and ENOBUFS: systemd has not read earlier messages yet. */
const TRY_AGAIN: ReadonlySet<number> = new Set([4, 11, 105]);
const RETRY_MS = 50;
/** systemd that reads nothing for as many messages will not miss the oldest of them. */
const MOST_WAITING = 100;

/** Sends synchronously, so that the last message of a process arrives. Open until the process ends. */
class DatagramSocket implements NotifySocket {
  readonly #send: (message: Buffer) => number;
  readonly #logger: Logger;
  readonly #waiting: Buffer[] = [];
  #retry: NodeJS.Timeout | undefined;
  #hasFailed = false;

  /** Throws when the socket cannot be made. */
  constructor(koffi: Koffi, address: string, logger: Logger) {
    this.#logger = logger;
    const library = koffi.load(null);
    const descriptor = library.func('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw new Error(`no socket (errno ${koffi.errno()})`);
    const sendto = library.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)');
    const target = toSocketAddress(address);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    this.#send = (message) => {
      const sent = sendto(descriptor, message, message.length, flags, target, target.length);
      return sent < 0 ? koffi.errno() : 0;
    };
  }

  send(...lines: readonly string[]): void {
    this.#waiting.push(Buffer.from(lines.join('\n')));
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    if (this.#retry === undefined) this.#flush();
  }

  #flush(): void {
    this.#retry = undefined;
    for (let message = this.#waiting[0]; message !== undefined; message = this.#waiting[0]) {
      const errno = this.#send(message);
      if (TRY_AGAIN.has(errno)) {
        this.#retry = setTimeout(() => this.#flush(), RETRY_MS).unref();
        return;
      }
      this.#waiting.shift();
      if (errno !== 0 && !this.#hasFailed) this.#logger.warn(`systemd cannot be notified (errno ${errno})`);
      this.#hasFailed ||= errno !== 0;
    }
  }
}

function toSocketAddress(address: string): Buffer {
  const name = address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`;
  const family = Buffer.alloc(2);
  if (new Uint8Array(new Uint16Array([AF_UNIX]).buffer)[0] === AF_UNIX) family.writeUInt16LE(AF_UNIX);
  else family.writeUInt16BE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(name)]);
}

/** One process for each message, one after the other. */
class NotifyProgram implements NotifySocket {
  readonly #address: string;
  readonly #logger: Logger;
  #sent: Promise<void> = Promise.resolve();
  #waiting = 0;
  #hasFailed = false;

  constructor(address: string, logger: Logger) {
    this.#address = address;
    this.#logger = logger;
  }

  send(...lines: readonly string[]): void {
    if (this.#waiting > MOST_WAITING) return;
    this.#waiting += 1;
    this.#sent = this.#sent
      .then(() => this.#run(lines))
      .catch((error: unknown) => {
        if (!this.#hasFailed)
          this.#logger.warn(`systemd cannot be notified by \`systemd-notify\`: ${messageOf(error)}`);
        this.#hasFailed = true;
      })
      .finally(() => (this.#waiting -= 1));
  }

  async #run(lines: readonly string[]): Promise<void> {
    const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: this.#address };
    const child = spawn('systemd-notify', lines, { env, stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`it ended with ${code}`);
  }
}
