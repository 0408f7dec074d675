import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ANONYMOUS } from '../../dist/caller/index.js';
import { DatabaseRegistry, GenerationDatabase } from '../../dist/duckdb/index.js';
import { PythonWorkers } from '../../dist/python/index.js';

const CODE = `from mxcp.runtime import db

def echo(value): return value
async def echo_later(value): return value
def ask(value): return db.execute("SELECT $n AS n", {"n": value})
`;

/** One worker and a database, without a server. Its creator stops it. */
export class PythonProject {
  #folder = mkdtempSync(join(tmpdir(), 'mxcp-bench-'));
  #registry = new DatabaseRegistry();
  #database;
  #workers;

  static async start() {
    const project = new PythonProject();
    await project.#start();
    return project;
  }

  async #start() {
    mkdirSync(join(this.#folder, 'python'));
    writeFileSync(join(this.#folder, 'python/bench.py'), CODE);
    const path = join(this.#folder, 'bench.duckdb');
    const spec = { path, readonly: false, extensions: [], secrets: [] };
    this.#database = await GenerationDatabase.build(this.#registry, spec);
    await this.#database.commit();
    this.#workers = await PythonWorkers.build({
      projectRoot: this.#folder,
      pythonFolder: join(this.#folder, 'python'),
      workers: 1,
      environment: process.env,
      configuration: { siteConfig: {}, userConfig: {}, secrets: [] },
      targets: [],
      output: ({ text }) => process.stderr.write(`${text}\n`),
      onWarning: (message) => process.stderr.write(`${message}\n`),
      onDebug: () => undefined,
      openSession: (caller) => this.#database.openSession(caller),
      requestReload: () => undefined,
    });
  }

  async call(functionName, value) {
    let result;
    const target = { file: 'python/bench.py', functionName };
    await this.#workers.call(
      target,
      { value },
      {
        caller: ANONYMOUS,
        signal: new AbortController().signal,
        maxResultBytes: 10 * 1024 * 1024,
        onShape: () => undefined,
        onItem: (item) => (result = item),
      },
    );
    return result;
  }

  async stop() {
    await this.#workers.dispose();
    await this.#database.dispose();
    await this.#registry.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
