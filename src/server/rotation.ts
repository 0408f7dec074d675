import { setTimeout as delay } from 'node:timers/promises';
import type { RotationPort, RotationState } from '../admin/index.js';
import type { ServerContext } from './server-context.js';
import type { Running } from './start-serving.js';

const CHECK_MS = 50;

/** Takes the server out of rotation and back. `running` is undefined until the first generation serves. */
export function createRotationPort(context: ServerContext, running: () => Running | undefined): RotationPort {
  const { phase } = context;
  const logger = context.logger.child({ component: 'admin' });
  const state = (): RotationState => {
    const { drainingSince = null } = phase;
    const activeRequests = running()?.calls.activeCalls ?? 0;
    const status = drainingSince === null ? 'in_rotation' : activeRequests === 0 ? 'drained' : 'draining';
    return { status, drainingSince, activeRequests };
  };
  return {
    state,
    drain: () => {
      const hasChanged = phase.drain();
      const now = state();
      if (hasChanged)
        logger.info({ calls: now.activeRequests }, 'out of rotation: new calls are refused until `mxcp admin resume`');
      return now;
    },
    resume: () => {
      if (phase.current === 'closing') throw phase.closingError();
      const since = phase.drainingSince;
      if (phase.resume() && since !== undefined)
        logger.info({ out_s: Math.round((Date.now() - since.getTime()) / 1000) }, 'back in rotation');
      return state();
    },
    ended: async (signal) => {
      while (state().status === 'draining') await delay(CHECK_MS, undefined, { signal });
      return state();
    },
  };
}

/** For `--drain-grace`, still serves calls although the server is not ready any more. Time that it was drained counts. */
export async function leaveRotation(context: ServerContext, running: Running, why: object): Promise<void> {
  const { phase, settings, logger } = context;
  const drainedForMs = phase.drainingSince === undefined ? 0 : Date.now() - phase.drainingSince.getTime();
  const graceMs = settings.drainGraceMs - drainedForMs;
  if (graceMs <= 0) return;
  phase.close();
  await running.triggers.dispose();
  logger.info(
    { ...why, calls: running.calls.activeCalls, grace_s: graceMs / 1000 },
    'out of rotation: not ready, but still serving calls before the shutdown',
  );
  await delay(graceMs);
}
