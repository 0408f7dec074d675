import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

export const DEPLOYED = join(import.meta.dirname, '../../deploy');

/** One sample of an answer. */
interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

const PATIENCE = { timeout: 60_000, interval: 250 };

/** A real Prometheus with the deployed alerts, which scrapes every second and waits for no alert. Its creator disposes it. */
export class PrometheusServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #targets: readonly string[] = [];
  #stderr = '';

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#url = `http://127.0.0.1:${port}`;
    const config = join(folder, 'prometheus.yml');
    const options = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`];
    this.#child = spawn('prometheus', [...options, `--web.listen-address=127.0.0.1:${port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#ended = once(this.#child, 'close');
  }

  static async start(): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), 'mxcp-prometheus-'));
    writeFileSync(join(folder, 'targets.json'), '[]');
    writeFileSync(
      join(folder, 'mxcp.rules.yml'),
      withoutWaits(readFileSync(join(DEPLOYED, 'prometheus/mxcp.rules.yml'), 'utf8')),
    );
    writeFileSync(join(folder, 'prometheus.yml'), CONFIG);
    const server = new PrometheusServer(folder, await freePort());
    await vi.waitFor(() => server.#get('/-/ready'), PATIENCE);
    return server;
  }

  /** From now on, `url` is scraped. */
  scrape(url: string): void {
    this.#targets = [...this.#targets, new URL(url).host];
    const next = join(this.#folder, 'next.json');
    writeFileSync(next, JSON.stringify([{ targets: this.#targets }]));
    renameSync(next, join(this.#folder, 'targets.json'));
  }

  /** Throws what Prometheus says of a query that it does not understand. */
  async query(expression: string): Promise<readonly Found[]> {
    const text = await this.#get(`/api/v1/query?query=${encodeURIComponent(expression)}`);
    // As the API of Prometheus documents it.
    return (JSON.parse(text) as { readonly data: { readonly result: readonly Found[] } }).data.result;
  }

  /** Resolves when an alert fires, or has fired for a moment; for the server at `url` where one is given. */
  async fired(alert: string, url?: string): Promise<void> {
    const instance = url === undefined ? '' : `, instance="${new URL(url).host}"`;
    const expression = `count_over_time(ALERTS{alertname="${alert}", alertstate="firing"${instance}}[10m])`;
    await vi.waitFor(async () => {
      if ((await this.query(expression)).length === 0) throw new Error(`${alert} has not fired`);
    }, PATIENCE);
  }

  /** Resolves when a server is scraped with success. */
  async scraped(url: string): Promise<void> {
    await vi.waitFor(async () => {
      const [up] = await this.query(`up{instance="${new URL(url).host}"}`);
      if (up?.value[1] !== '1') throw new Error(`${url} is not scraped`);
    }, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #get(path: string): Promise<string> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus has ended:\n${this.#stderr}`);
    const answer = await fetch(`${this.#url}${path}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${text}`);
    return text;
  }
}

const CONFIG = `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [mxcp.rules.yml]
scrape_configs:
  - job_name: mxcp
    file_sd_configs: [{ files: [targets.json], refresh_interval: 1s }]
`;

/** promtool tests how long the alerts wait. Here they look at seconds instead of minutes, and fire at once. */
function withoutWaits(rules: string): string {
  return rules
    .replaceAll(/^ +for: .*\n/gm, '')
    .replaceAll(/\[30m\]/g, '[2m]')
    .replaceAll(/\[(?:5|10)m\]/g, '[20s]');
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
