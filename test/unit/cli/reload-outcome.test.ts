import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { printOutcome } from '../../../src/cli/commands/admin/reload-outcome.js';
import { toOneCell } from '../../../src/cli/commands/admin/reloads.js';
import { createOutput, type Output } from '../../../src/cli/terminal/output.js';
import { WIRE_RECORD } from '../../contract/admin/wire-fixture.js';

const RECORD = {
  ...WIRE_RECORD,
  restart_required: [],
  definitions_changed: [],
  definitions_refused: [],
  references: [
    { ref: 'vault://secret/db#pw', used_by: ['a.b', 'a.c'], outcome: 'changed', version: '7', error: null },
    { ref: '${TOKEN}', used_by: ['a.d'], outcome: 'failed', version: null, error: 'not set\nanywhere' },
  ],
} as ReloadRecord; // The fixture is what goes over the wire; its words are wider than the types.

function printed(isTerminal: boolean, record = RECORD): string {
  const lines: string[] = [];
  const output: Output = { ...createOutput(), isTerminal, print: (line) => void lines.push(line) };
  printOutcome(output, record);
  return lines.join('\n');
}

describe('the references of a reload', () => {
  it('are a table on a terminal', () => {
    const table = stripVTControlCharacters(printed(true)).split('\n');
    expect(table.slice(0, 3)).toEqual([
      'REFERENCE             OUTCOME  VERSION  USED BY   ERROR',
      'vault://secret/db#pw  changed  7        a.b, a.c',
      '${TOKEN}              failed   -        a.d       not set\\nanywhere',
    ]);
  });

  it('are plain lines in a pipe', () => {
    expect(printed(false).split('\n').slice(0, 3)).toEqual([
      'REFERENCE\tOUTCOME\tVERSION\tUSED BY\tERROR',
      'vault://secret/db#pw\tchanged\t7\ta.b, a.c\t',
      '${TOKEN}\tfailed\t-\ta.d\tnot set\\nanywhere',
    ]);
  });
});

describe('a handover', () => {
  const database = { action: 'handover', pause_ms: 25, requests_held: 1 } as const;

  it('is reported with its pause, also when no call waited', () => {
    const record = { ...RECORD, references: [], database } as ReloadRecord;
    expect(printed(false, record)).toContain('handed over in 25 ms; 1 call waited meanwhile');
    const quiet = { ...record, database: { ...database, requests_held: 0 } };
    expect(printed(false, quiet)).toContain('handed over in 25 ms; 0 calls waited meanwhile');
  });

  it('is announced by a dry run', () => {
    const record = { ...RECORD, references: [], database, dry_run: true } as ReloadRecord;
    expect(printed(false, record)).toContain('would be handed over');
  });
});

describe('the error in a list of reloads', () => {
  it('is the whole message on one line', () => {
    expect(toOneCell('a reference has no value:\n- config.yml:3:1: not set\n- config.yml:4:1: gone')).toBe(
      'a reference has no value: config.yml:3:1: not set config.yml:4:1: gone',
    );
  });
});
