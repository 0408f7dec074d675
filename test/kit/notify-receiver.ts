import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

/** Node has no datagram sockets of this kind. */
const RECEIVER = `
import socket, sys, json
address = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\\0" + address[1:] if address[0] == "@" else address)
print(json.dumps(""), flush=True)
while True:
    print(json.dumps(receiver.recv(65536).decode()), flush=True)`;

/** What systemd is to a service: a socket that receives its messages. */
export class NotifyReceiver implements Disposable {
  readonly messages: string[] = [];
  readonly #child: ChildProcess;
  readonly #bound: Promise<void>;

  private constructor(address: string) {
    this.#child = spawn('python3', ['-c', RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#bound = new Promise((resolve) => {
      createInterface({ input: this.#child.stdout ?? Readable.from([]) }).on('line', (line) => {
        const message = String(JSON.parse(line));
        // The first line says that the socket exists.
        if (message === '') resolve();
        else this.messages.push(message);
      });
    });
  }

  /** `address` is a path, or `@` and an abstract name. */
  static async open(address: string): Promise<NotifyReceiver> {
    const receiver = new NotifyReceiver(address);
    await receiver.#bound;
    return receiver;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
