import { connect } from 'node:net';

const HEAD_END = '\r\n\r\n';
/** Only the beginning of a body is kept: errors are short. */
const KEPT_BYTES = 4096;

/**
 * One keep-alive connection that sends prepared bytes and waits for a complete answer. It is much cheaper than `node:http`, so
 * that the load generator takes little processor time from the server on a small machine.
 */
export class HttpConnection {
  #socket;
  #reading = nothingToRead();
  #settle = { resolve: () => {}, reject: () => {} };

  /** `target` is `{ path }` of a Unix socket or `{ host, port }`. */
  static open(target) {
    return new Promise((resolve, reject) => {
      const socket = connect(target, () => resolve(new HttpConnection(socket)));
      socket.setNoDelay(true);
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#settle.reject(error));
    socket.on('close', () => this.#settle.reject(new Error('the connection was closed')));
  }

  /** Resolves with status, headers and the beginning of the body when the whole answer has arrived. */
  send(bytes) {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#reading = nothingToRead();
      this.#socket.write(bytes);
    });
  }

  close() {
    this.#settle = { resolve: () => {}, reject: () => {} };
    this.#socket.destroy();
  }

  #read(chunk) {
    const reading = this.#reading;
    if (reading.head === undefined) {
      reading.raw = reading.raw === undefined ? chunk : Buffer.concat([reading.raw, chunk]);
      const end = reading.raw.indexOf(HEAD_END);
      if (end === -1) return;
      reading.head = reading.raw.toString('latin1', 0, end);
      reading.length = Number(/^content-length: *(\d+)/im.exec(reading.head)?.[1] ?? Number.NaN);
      chunk = reading.raw.subarray(end + HEAD_END.length);
    }
    reading.bytes += chunk.length;
    if (reading.body.length < KEPT_BYTES) reading.body += chunk.toString('utf8', 0, KEPT_BYTES);
    reading.tail = (reading.tail + chunk.toString('latin1', Math.max(0, chunk.length - 7))).slice(-7);
    if (isComplete(reading)) this.#finish(reading);
  }

  #finish({ head, body, bytes }) {
    const status = Number(head.slice(9, 12));
    this.#settle.resolve({ status, head, body, bytes });
  }
}

function nothingToRead() {
  return { raw: undefined, head: undefined, length: Number.NaN, bytes: 0, body: '', tail: '' };
}

/** A body without a length is sent in chunks, the last of which is empty. */
function isComplete({ length, bytes, tail, head }) {
  if (!Number.isNaN(length)) return bytes >= length;
  return tail.endsWith('\r\n0\r\n\r\n') || tail === '0\r\n\r\n' || / 20[24] /.test(head.slice(8, 14));
}
