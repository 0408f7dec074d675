import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { printOutcome } from '../../../src/cli/admin-format.js';
import { createOutput, type Output } from '../../../src/cli/output.js';
import { WIRE_RECORD } from '../../contract/admin/wire-fixture.js';

const RECORD = {
  ...WIRE_RECORD,
  restart_required: [],
  definitions_changed: [],
  references: [
    { ref: 'vault://secret/db#pw', used_by: ['a.b', 'a.c'], outcome: 'changed', version: '7', error: null },
    { ref: '${TOKEN}', used_by: ['a.d'], outcome: 'failed', version: null, error: 'not set\nanywhere' },
  ],
} as ReloadRecord; // The fixture is what goes over the wire; its words are wider than the types.

function printed(isTerminal: boolean): string {
  const lines: string[] = [];
  const output: Output = { ...createOutput(), isTerminal, print: (line) => void lines.push(line) };
  printOutcome(output, RECORD);
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
