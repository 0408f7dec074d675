import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../baselines/bare-vault.mjs', import.meta.url));

/** The number of requests that mxcp sends in parallel. */
const PARALLEL = 8;

/** A process that answers like Vault. Its creator stops it. */
export class BareVault {
  #child;
  #agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

  static async start() {
    const started = new BareVault();
    started.#child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = await once(started.#child.stdout, 'data');
    started.address = `http://127.0.0.1:${String(port).trim()}`;
    return started;
  }

  async stop() {
    this.#agent.destroy();
    this.#child.kill();
    await once(this.#child, 'close');
  }

  /** Reads secrets with only node:http and JSON.parse, which every client needs. */
  readBare(paths) {
    return Promise.all(paths.map((path) => this.#read(path)));
  }

  #read(path) {
    return new Promise((resolve, reject) => {
      const url = `${this.address}/v1/kv/data/${path}`;
      const sent = get(url, { agent: this.#agent, headers: { 'X-Vault-Token': 'token' } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(JSON.parse(text).data.data));
      });
      sent.on('error', reject);
    });
  }
}
