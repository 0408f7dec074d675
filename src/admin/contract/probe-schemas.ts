import { z } from 'zod';
import { component, timestampToSecond } from './component.js';
import { errorFields } from './error-schemas.js';

export const check = component(
  'Check',
  'One thing that readiness depends on.',
  z.strictObject({ name: z.string(), status: z.enum(['ok', 'fail']), message: z.string() }),
);

export const health = component(
  'Health',
  'The process answers.',
  z.strictObject({ status: z.literal('ok'), timestamp: timestampToSecond }),
);

export const probeOk = component(
  'ProbeOk',
  'The probe passes.',
  z.strictObject({ status: z.literal('ok'), checks: z.array(check) }),
);

export const probeFailed = component(
  'ProbeFailed',
  'The probe does not pass; the checks say why.',
  z.strictObject({ ...errorFields, status: z.literal('fail'), checks: z.array(check) }),
);
