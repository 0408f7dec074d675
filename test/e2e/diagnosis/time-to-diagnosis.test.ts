import { describe, expect, it } from 'vitest';
import { BROKEN_CONFIGURATIONS } from './broken-configurations.js';
import { BROKEN_ENDPOINTS } from './broken-endpoints.js';
import { BROKEN_RELOADS } from './broken-reloads.js';
import { runDiagnosis } from './run-diagnosis.js';

describe.each([
  ['configurations', BROKEN_CONFIGURATIONS],
  ['endpoints', BROKEN_ENDPOINTS],
  ['reloads', BROKEN_RELOADS],
] as const)('broken %s: one command says what, where and how to fix it', (_kind, diagnoses) => {
  it.concurrent.each(diagnoses.map((diagnosis) => [diagnosis.broken, diagnosis.command, diagnosis] as const))(
    '%s (%s)',
    async (_broken, _command, diagnosis) => {
      const { code, text } = await runDiagnosis(diagnosis);
      for (const fragment of diagnosis.says) expect(text).toContain(fragment);
      expect(code).not.toBe(0);
      // Nothing that only helps developers of the server, and no secret.
      expect(text).not.toMatch(/\n {4}at |internal error|undefined|\[object/);
      expect(text).not.toContain('not-a-real-token');
    },
  );
});
