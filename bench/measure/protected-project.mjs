import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

export const TOKEN = 'token-of-the-benchmark';
const ORDERS = 1000;

/** The parts of `mxcp-site.yml`, of the user configuration and of the tool that switch one protection on. */
const PARTS = {
  auth: {
    user: `        auth:
          provider: static
          static:
            tokens:
              - { token: ${TOKEN}, username: ada, role: analyst, permissions: [north, south] }
`,
  },
  policies: {
    tool: `  policies:
    input:
      - { condition: 'user.role == "guest" || first < 0', action: deny, reason: Not for guests }
    output:
      - { condition: '!("contact" in user.permissions)', action: mask_fields, fields: [email] }
`,
  },
  rows: {
    site: `    protect:
      tables:
        - { table: orders, rows: "coalesce(get_username(), 'ada') = owner", mask: { email: null } }
`,
  },
  limits: { site: '    rate_limit: { calls: 100000000, per: 1m }\n' },
  audit: { site: '    audit: { enabled: true, path: audit/log.jsonl }\n' },
  auditDefault: { site: '    audit: { enabled: true }\n' },
  auditWindow: { site: '    audit: { enabled: true, path: audit/log.jsonl, durability: window }\n' },
};

/** A project with one tool on a table, and the protections that `names` lists. Its creator removes it. */
export class ProtectedProject {
  static async create(names) {
    const project = new ProtectedProject(names.map((name) => PARTS[name]));
    const instance = await DuckDBInstance.create(join(project.folder, 'bench.duckdb'));
    const connection = await instance.connect();
    await connection.run(`CREATE TABLE orders AS SELECT i AS id, 'ada' AS owner, 'x@example.com' AS email,
      i * 1.5 AS amount FROM range(${ORDERS}) AS numbers(i)`);
    connection.closeSync();
    instance.closeSync();
    return project;
  }

  constructor(parts) {
    this.folder = mkdtempSync(join(tmpdir(), 'mxcp-bench-'));
    this.socket = join(this.folder, 'admin.sock');
    this.userConfig = join(this.folder, 'config.yml');
    const lines = (key) => parts.map((part) => part[key] ?? '').join('');
    mkdirSync(join(this.folder, 'tools'));
    this.#write(
      'mxcp-site.yml',
      `mxcp: 1\nproject: bench\nprofile: default\nprofiles:\n  default:\n    duckdb: { path: bench.duckdb }\n${lines('site')}`,
    );
    this.#write(
      'config.yml',
      `mxcp: 1\nprojects:\n  bench:\n    profiles:\n      default:\n        secrets: []\n${lines('user')}`,
    );
    this.#write('tools/orders.yml', `${ORDERS_TOOL}${lines('tool')}`);
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(path, text) {
    writeFileSync(join(this.folder, path), text);
  }
}

const ORDERS_TOOL = `mxcp: 1
tool:
  name: orders
  description: Ten orders.
  parameters:
    - { name: first, type: integer, description: Number of the first order. }
  return:
    type: array
    items:
      type: object
      properties:
        id: { type: integer }
        email: { type: string }
        amount: { type: number }
  source:
    code: SELECT id, email, amount FROM orders WHERE id BETWEEN $first AND $first + 9 ORDER BY id
`;
