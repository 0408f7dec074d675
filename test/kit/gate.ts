import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A pipe that a query waits at, for as long as a test wants. Holds one query, once. */
export class Gate implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mxcp-g-'));
  readonly #path = join(this.#folder, 'gate');

  constructor() {
    execFileSync('mkfifo', [this.#path]);
  }

  /** A table of one row for a FROM clause; a query that reads it waits until the gate is open. */
  get table(): string {
    return `read_csv('${this.#path}', auto_detect = false, header = false, columns = { 'passed': 'INTEGER' })`;
  }

  /** Lets the waiting query continue. */
  async open(): Promise<void> {
    // For reading too, and without blocking: so it also opens when no query waits.
    const pipe = await open(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
    await pipe.write('1\n');
    await pipe.close();
  }

  /** Opens it first, so that a test that failed leaves no query waiting. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.open();
    rmSync(this.#folder, { recursive: true });
  }
}
