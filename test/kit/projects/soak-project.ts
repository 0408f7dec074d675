import { readdirSync, rmSync } from 'node:fs';
import { createDatabaseFile } from '../database-file.js';
import { Gate } from '../gate.js';
import { pythonTool, sqlTool, TemporaryProject } from './temporary-project.js';

export type SoakMode = 'readonly' | 'readwrite';

/** A stage at which a reload is made to fail, and what that breaks. */
export const FAULTS = ['load', 'resolve', 'import', 'check', 'on_init'] as const;
export type SoakFault = (typeof FAULTS)[number];

const SQL_GATES = 4;

const CONFIG = [
  'mxcp: 1',
  'projects:',
  '  soak:',
  '    profiles:',
  '      dev:',
  '        secrets:',
  '          - name: round',
  '            type: custom',
  '            parameters: { number: "${ROUND}" }',
  '          - name: proxy',
  '            type: http',
  '            parameters: { HTTP_PROXY: "http://round-${ROUND}.example:1" }',
];

/** Everything a call can see of its generation: all of it must be of one round. */
const SEEN = [
  'import os, time, uuid',
  'from mxcp.runtime import config, db, on_init',
  'ready = None',
  '@on_init',
  'def initialise():',
  '    global ready',
  '    ready = db.execute("SELECT number FROM version")[0]["number"]',
  'def seen():',
  '    return {',
  '        "code": ROUND,',
  '        "hook": ready,',
  '        "secret": int(config.get_secret("round")["number"]),',
  '        "environment": int(os.environ["ROUND"]),',
  '        "database": db.execute("SELECT number FROM version")[0]["number"],',
  '    }',
  'def python_round():',
  '    return seen()',
  'def straddle(gate):',
  '    before = seen()',
  '    open(gate + ".waiting-" + uuid.uuid4().hex, "w").close()',
  '    while not os.path.exists(gate):',
  '        time.sleep(0.02)',
  '    return [before, seen()]',
];

const SITE = (mode: SoakMode): readonly string[] => [
  'mxcp: 1',
  'project: soak',
  'profile: dev',
  'profiles:',
  '  dev:',
  `    duckdb: { path: soak.duckdb, readonly: ${mode === 'readonly'} }`,
];

/** A project whose every part says in which round it was written. The test disposes it. */
export class SoakProject implements AsyncDisposable {
  readonly files = new TemporaryProject();
  readonly gates: readonly Gate[] = Array.from({ length: SQL_GATES }, () => new Gate());
  readonly mode: SoakMode;

  constructor(mode: SoakMode) {
    this.mode = mode;
    this.files.write('mxcp-site.yml', SITE(mode));
    this.files.write('config.yml', CONFIG);
    this.files.write(
      'tools/sql_round.yml',
      sqlTool('sql_round', 'SELECT number FROM version', ['return: { type: integer }']),
    );
    this.files.write('tools/python_round.yml', pythonTool('python_round', 'python/soak.py'));
    this.files.write(
      'tools/straddle.yml',
      pythonTool('straddle', 'python/soak.py', ['parameters: [{ name: gate, type: string }]']),
    );
    for (const [index, gate] of this.gates.entries())
      this.files.write(
        `tools/gate_${index}.yml`,
        sqlTool(`gate_${index}`, `SELECT number FROM version, ${gate.table}`, ['return: { type: integer }']),
      );
  }

  /** What the next reload will find: another database, other code, other secrets. */
  async write(round: number): Promise<void> {
    const next = this.files.path('next.duckdb');
    rmSync(next, { force: true });
    await createDatabaseFile(next, `CREATE TABLE version AS SELECT ${round}::INTEGER AS number`);
    this.files.rename('next.duckdb', 'soak.duckdb');
    this.files.write('python/soak.py', [`ROUND = ${round}`, ...SEEN]);
    this.files.write('soak.env', `ROUND=${round}\n`);
  }

  /** Spoils what was written, so that the next reload fails. */
  async damage(fault: SoakFault): Promise<void> {
    switch (fault) {
      case 'load':
        return this.files.write('config.yml', [...CONFIG, '\tbroken']);
      case 'resolve':
        return this.files.write('soak.env', 'RUOND=0\n');
      case 'import':
        return this.files.write('python/soak.py', ['ROUND = 1 / 0']);
      case 'check':
        await createDatabaseFile(this.files.path('next.duckdb'), 'CREATE TABLE other(number INTEGER)');
        return this.files.rename('next.duckdb', 'soak.duckdb');
      case 'on_init':
        return this.files.write('python/soak.py', ['ROUND = 0', ...SEEN, 'on_init(lambda: 1 / 0)']);
    }
  }

  /** How many calls wait at a gate of Python code. */
  countWaiting(gate: string): number {
    return readdirSync(this.files.root).filter((name) => name.startsWith(`${gate}.waiting-`)).length;
  }

  repair(): void {
    this.files.write('config.yml', CONFIG);
  }

  async openGates(): Promise<void> {
    await Promise.all(this.gates.map((gate) => gate.open()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gate of this.gates) await gate[Symbol.asyncDispose]();
    this.files[Symbol.dispose]();
  }
}
