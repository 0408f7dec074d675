import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import type { Check, EventName, ReloadStage, RunRecord } from '../../../src/contract/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { EventJournal, EventObserver, type ObservedCall, Observers } from '../../../src/telemetry/index.js';
import { failedReload, succeededReload } from '../../integration/admin/admin-fixture.js';

const FAILED: ObservedCall = {
  kind: 'tool',
  endpoint: 'sales',
  failure: { code: 'query_failed', level: 'warn', message: () => 'no table' },
  durationMs: 4.4,
  caller: ANONYMOUS,
  requestId: 7,
  client: '127.0.0.1',
};

const READY: Check = { name: 'database', status: 'ok', message: 'answers' };

describe('an observer for events', () => {
  let events: [name: string, data: Record<string, unknown>][];
  let observers: Observers;

  beforeEach(() => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:04:05.678Z') });
    events = [];
    const journal = new EventJournal((text) => text);
    journal.select({ types: undefined, after: undefined })((text) => {
      const [, name = '', data = ''] = /event: (.*)\ndata: (.*)\n/.exec(text) ?? [];
      if (name !== 'stream.begin') events.push([name as EventName, JSON.parse(data) as Record<string, unknown>]);
    });
    observers = new Observers(createSilentLogger());
    observers.add(new EventObserver(journal));
  });
  afterEach(() => vi.useRealTimers());

  test('reports a failed call, and no other', () => {
    observers.callEnded({ ...FAILED, failure: undefined });
    observers.callEnded(FAILED);
    observers.callEnded({ ...FAILED, endpoint: undefined, requestId: undefined, client: undefined });
    const shown = {
      at: '2026-01-02T03:04:05.678Z',
      type: 'tool',
      name: 'sales',
      code: 'query_failed',
      message: 'no table',
    };
    const counted = { duration_ms: 4, request: '7', client: '127.0.0.1', user: null, left_out: 0 };
    expect(events).toEqual([
      ['call.error', { ...shown, ...counted }],
      ['call.error', { ...shown, ...counted, name: null, request: null, client: null }],
    ]);
  });

  test('reports at most 50 failed calls a second, and how many it left out', () => {
    for (let at = 0; at < 120; at += 1) observers.callEnded(FAILED);
    expect(events).toHaveLength(50);
    vi.advanceTimersByTime(1000);
    observers.callEnded(FAILED);
    expect(events).toHaveLength(51);
    expect(events[50]?.[1]).toMatchObject({ left_out: 70 });
  });

  test('reports a reload under the id of the run: queued, its stages, its end', () => {
    const run: RunRecord = { ...succeededReload, sharedWith: [] };
    const joined: RunRecord = { ...run, id: 'b', sharedWith: [run.id] };
    const stage: ReloadStage = { name: 'build', status: 'running', durationMs: null };
    observers.reloadChanged(run, 'queued');
    observers.reloadChanged(joined, 'queued');
    observers.reloadChanged(run, 'started');
    observers.reloadChanged(run, 'stage', stage);
    observers.reloadChanged(run, 'ended');
    observers.reloadChanged(failedReload, 'ended');
    expect(events).toMatchObject([
      ['reload.queued', { id: run.id, request_id: run.id, trigger: 'api', dry_run: false, definitions: false }],
      ['reload.queued', { id: run.id, request_id: 'b' }],
      ['reload.stage', { id: run.id, stage: 'build', status: 'running', duration_ms: null }],
      ['reload.ended', { id: run.id, status: 'success', generation: { from: 1, to: 2 }, duration_ms: 33, error: null }],
      ['reload.ended', { status: 'error', error: { code: 'config_invalid', line: 4 } }],
    ]);
  });

  test('reports readiness when it changes, and not when only the message of a check does', () => {
    const down: Check = { ...READY, status: 'fail', message: 'no answer' };
    for (const [isReady, check] of [
      [true, READY],
      [true, { ...READY, message: 'answers again' }],
      [false, down],
      [false, down],
      [true, READY],
    ] as const)
      observers.readinessChecked(isReady, [check]);
    expect(events.map(([name, { ready }]) => [name, ready])).toEqual([
      ['readiness', true],
      ['readiness', false],
      ['readiness', true],
    ]);
    expect(events[1]?.[1]).toMatchObject({ checks: [{ name: 'database', status: 'fail', message: 'no answer' }] });
  });

  test('reports phases, and lines of the log at warn and above', () => {
    observers.phaseChanged('serving', 'starting');
    observers.drainChanged(new Date('2026-01-02T03:04:05.600Z'));
    observers.drainChanged(undefined);
    observers.logLevelChanged({ level: 'debug', configured: 'info', until: null });
    const line = (level: string) => {
      const record = () => ({ level, time: '2026', component: 'reload', msg: 'm', id: 'x' });
      return { level, text: '', record };
    };
    for (const level of ['debug', 'info', 'warn', 'error', 'fatal']) observers.lineLogged(line(level));
    observers.lineLogged({ level: 'warn', text: '', record: () => ({ msg: 1, component: 2 }) });
    const rest = { component: 'reload', message: 'm', fields: { id: 'x' } };
    expect(events).toMatchObject([
      ['phase', { phase: 'serving', activity: 'starting' }],
      ['rotation', { draining: true, draining_since: '2026-01-02T03:04:05.600Z' }],
      ['rotation', { draining: false, draining_since: null }],
      ['loglevel', { level: 'debug', configured: 'info', until: null }],
      ['log', { level: 'warn', ...rest }],
      ['log', { level: 'error', ...rest }],
      ['log', { level: 'fatal', ...rest }],
      ['log', { level: 'warn', component: null, message: '', fields: {} }],
    ]);
  });
});

test('an observer that fails at every line of the log does not make the log endless', () => {
  const lines: unknown[] = [];
  const logger = createSilentLogger();
  const observers = new Observers(logger);
  Object.assign(logger, {
    error: (fields: unknown) => (
      lines.push(fields), observers.lineLogged({ level: 'error', text: '', record: () => ({}) })
    ),
  });
  observers.add({
    lineLogged: () => {
      throw new Error('broken');
    },
  });
  observers.lineLogged({ level: 'warn', text: '', record: () => ({}) });
  expect(lines).toHaveLength(1);
});
