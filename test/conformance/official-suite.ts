import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installLocked, nodeFrom } from '../kit/locked-packages.js';

/** The first release that the suite runs on: it imports `globSync` of `node:fs`. */
const NODE_MAJOR = 22;

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

/** What the suite found wrong, by scenario: the identifiers of the checks, each once and sorted. An empty list is a scenario that passed. */
export type Findings = Readonly<Record<string, readonly string[]>>;

/**
 * Checks whose time limit is in the suite, and shorter than a reload may take on a busy machine: whether a client learns about the
 * changed list within 0.8 seconds. The suite counts them as warnings.
 */
const DEPENDS_ON_SPEED: ReadonlySet<string> = new Set([
  'sep-2575-server-sends-prompts-list-changed-on-subscription',
  'sep-2575-server-sends-tools-list-changed-on-subscription',
]);

const AUTHORIZATION_SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant'];

interface AuthorizationRun {
  readonly issuer: string;
  /** Where the suite listens for the callback. */
  readonly port: number;
  readonly clientId: string;
  readonly resource: string;
  readonly visit: (url: string) => Promise<void>;
}

/** The official suite at its pinned version, in a Node.js that can run it. */
export class OfficialSuite {
  readonly #node: string;
  readonly #folder: string;

  private constructor(node: string, folder: string) {
    this.#node = node;
    this.#folder = folder;
  }

  /** Installs the packages of the suite, and Node.js where this one is too old. */
  static install(): OfficialSuite {
    const installed = installLocked(join(import.meta.dirname, 'suite'), 'mxcp-conformance');
    const folder = join(installed, 'node_modules/@modelcontextprotocol/conformance');
    return new OfficialSuite(nodeFrom(NODE_MAJOR), folder);
  }

  /** The scenarios that a revision requires, in the order of its frozen list. */
  requiredBy(revision: Revision): readonly string[] {
    const text = readFileSync(join(this.#folder, `requirements/${revision}.yaml`), 'utf8');
    const [, server = ''] = /^server:\n((?: {2}- .*\n)+)/m.exec(text) ?? [];
    return [...server.matchAll(/^ {2}- (\S+)$/gm)].map(([, name = '']) => name);
  }

  /** Runs all scenarios of a revision. */
  async run(revision: Revision, url: string): Promise<Findings> {
    const output = mkdtempSync(join(tmpdir(), 'mxcp-conformance-'));
    try {
      const said = await this.#start(['--url', url, '--requirements', revision, '--output-dir', output]);
      const findings: Record<string, readonly string[]> = {};
      for (const name of this.requiredBy(revision)) findings[name] = readFindings(output, name, said);
      return findings;
    } finally {
      rmSync(output, { recursive: true, force: true });
    }
  }

  /** Runs the scenarios of an authorization server. `visit` does what a person does who opens the URL that the suite prints. */
  async runAuthorization({ issuer, port, clientId, resource, visit }: AuthorizationRun): Promise<Findings> {
    const output = mkdtempSync(join(tmpdir(), 'mxcp-conformance-'));
    const options = ['--url', issuer, '--client-id', clientId, '--resource', resource, '--port', String(port)];
    const args = [join(this.#folder, 'dist/index.js'), 'authorization', ...options, '--output-dir', output];
    const child = spawn(this.#node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let visiting: Promise<void> | undefined;
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      const url = /^https?:\S+\/authorize\?\S+(?=\n)/m.exec(said)?.[0];
      if (url !== undefined)
        visiting ??= visit(url).catch((error: unknown) => {
          child.kill();
          throw error;
        });
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    try {
      await once(child, 'close');
      await visiting;
      return Object.fromEntries(
        AUTHORIZATION_SCENARIOS.map((name) => [name, readFindings(output, name, said)] as const),
      );
    } finally {
      rmSync(output, { recursive: true, force: true });
    }
  }

  /** The exit code says only whether everything passed, so it is not looked at: the results are. */
  #start(options: readonly string[]): Promise<string> {
    const args = [join(this.#folder, 'dist/index.js'), 'server', ...options];
    return new Promise((resolve) => {
      execFile(this.#node, args, { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
  }
}

/** The results of a scenario are in a folder with its name and the time. Without results, it has not run. */
function readFindings(output: string, scenario: string, said: string): readonly string[] {
  const folder = readdirSync(output).find(
    (name) => /^(?:authorization-)?server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1] === scenario,
  );
  if (folder === undefined)
    throw new Error(`the suite has no result for "${scenario}"; it said:\n${said.slice(-4000)}`);
  // The format of the suite, whose version is pinned.
  const checks = JSON.parse(readFileSync(join(output, folder, 'checks.json'), 'utf8')) as readonly Check[];
  const wrong = checks.filter(
    ({ status, id }) => status === 'FAILURE' || (status === 'WARNING' && !DEPENDS_ON_SPEED.has(id)),
  );
  return [...new Set(wrong.map(({ id }) => id))].sort();
}
