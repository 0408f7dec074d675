import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** 100 rows of five types. The baseline `sdk-by-hand.mjs` has the same statement. */
export const ROWS_SQL = `SELECT i AS id, 'region ' || (i % 7) AS region, i * 1.5 AS amount, i % 2 = 0 AS paid,
  DATE '2024-01-01' + i::INTEGER AS day
FROM range($first, $first + 100) AS numbers(i)`;
export const SUM_SQL = 'SELECT $a + $b AS total';
const LARGE_ROW_CHARS = 1024;

const SITE = `mxcp: 1
project: bench
profile: default
profiles:
  default:
    duckdb:
      path: bench.duckdb
`;

const USER_CONFIG = `mxcp: 1
projects:
  bench:
    profiles:
      default:
        secrets:
          - name: feed
            type: http
            parameters:
              BEARER_TOKEN: file://secrets/token
`;

/** A project of SQL endpoints in a temporary folder. Its creator removes it. */
export class Project {
  constructor(endpoints) {
    this.folder = mkdtempSync(join(tmpdir(), 'mxcp-bench-'));
    this.socket = join(this.folder, 'admin.sock');
    this.userConfig = join(this.folder, 'config.yml');
    for (const folder of ['tools', 'secrets']) mkdirSync(join(this.folder, folder));
    this.#write('mxcp-site.yml', SITE);
    this.#write('config.yml', USER_CONFIG);
    this.writeToken('first');
    for (const [name, text] of toolFiles(endpoints)) this.#write(`tools/${name}.yml`, text);
  }

  /** Adds a Python tool: the server then starts workers before it is ready. */
  addPythonTool() {
    mkdirSync(join(this.folder, 'python'));
    this.#write('python/double.py', 'def double(n): return n * 2\n');
    this.#write('tools/double.yml', PYTHON_TOOL);
  }

  writeToken(token) {
    this.#write('secrets/token', token);
  }

  removeToken() {
    rmSync(join(this.folder, 'secrets/token'));
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(path, text) {
    writeFileSync(join(this.folder, path), text);
  }
}

/** The tools that suites call come first; the others are only read, checked and listed. */
function* toolFiles(endpoints) {
  yield ['sum', SUM_TOOL];
  yield ['rows', ROWS_TOOL];
  yield ['large', LARGE_TOOL];
  yield ['million', MILLION_TOOL];
  yield ['slow', SLOW_TOOL];
  for (let number = 4; number < endpoints; number += 1) yield [`sales_${number}`, salesTool(number)];
}

const PYTHON_TOOL = `mxcp: 1
tool:
  name: double
  description: Doubles a number.
  language: python
  parameters:
    - { name: n, type: integer, description: The number. }
  source:
    file: ../python/double.py
`;

const SUM_TOOL = `mxcp: 1
tool:
  name: sum
  description: Adds two numbers.
  parameters:
    - { name: a, type: integer, description: The first number. }
    - { name: b, type: integer, description: The second number. }
  return:
    type: object
    properties:
      total: { type: integer }
    required: [total]
  source:
    code: ${SUM_SQL}
`;

const ROWS_TOOL = `mxcp: 1
tool:
  name: rows
  description: One hundred rows.
  parameters:
    - { name: first, type: integer, description: Number of the first row. }
  return:
    type: array
    items:
      type: object
      properties:
        id: { type: integer }
        region: { type: string }
        amount: { type: number }
        paid: { type: boolean }
        day: { type: string, format: date }
      required: [id, region, amount, paid, day]
  source:
    code: |
      ${ROWS_SQL.replaceAll('\n', '\n      ')}
`;

const LARGE_TOOL = `mxcp: 1
tool:
  name: large
  description: Rows of one kilobyte each.
  max_rows: 0
  max_bytes: 0
  parameters:
    - { name: kilobytes, type: integer, description: How many. }
  source:
    code: SELECT repeat('x', ${LARGE_ROW_CHARS - 16}) AS text FROM range($kilobytes)
`;

const MILLION_TOOL = `mxcp: 1
tool:
  name: million
  description: A million rows, of which an answer has the first thousand.
  source:
    code: SELECT i AS id, 'row number ' || i AS name FROM range(1000000) t(i)
`;

const SLOW_TOOL = `mxcp: 1
tool:
  name: slow
  description: Keeps one thread busy.
  parameters:
    - { name: rows, type: integer, description: How many rows are counted. }
  return:
    type: object
  source:
    code: SELECT count(*) AS pairs FROM range($rows) a(i), range(1000) b(j) WHERE hash(i, j) % 7 = 0
`;

function salesTool(number) {
  return `mxcp: 1
tool:
  name: sales_${number}
  description: Sales of one region, grouped by day, as they are reported to desk ${number}.
  tags: [sales, desk_${number % 10}]
  annotations:
    title: Sales for desk ${number}
    readOnlyHint: true
  parameters:
    - name: region
      type: string
      description: Name of the region.
      minLength: 1
      maxLength: 40
    - name: from_day
      type: string
      format: date
      description: First day.
      default: "2024-01-01"
    - name: limit
      type: integer
      description: At most this many days.
      minimum: 1
      maximum: 1000
      default: 100
  return:
    type: array
    items:
      type: object
      properties:
        day: { type: string, format: date, description: The day. }
        amount: { type: number, description: Sum of the day. }
        region: { type: string }
      required: [day, amount]
  source:
    code: |
      SELECT DATE '2024-01-01' + (i // 24)::INTEGER AS day, sum(i * 0.5) AS amount, $region AS region
      FROM range(${1000 + number}) AS hours(i)
      WHERE DATE '2024-01-01' + (i // 24)::INTEGER >= $from_day
      GROUP BY ALL
      ORDER BY day
      LIMIT $limit
`;
}
