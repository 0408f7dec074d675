import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunRecord } from '../../../src/contract/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { SystemdNotifier } from '../../../src/systemd/systemd-notifier.js';
import { failedReload, succeededReload } from '../../integration/admin/admin-fixture.js';

const sent: string[][] = [];
const server = {
  logger: createSilentLogger(),
  generation: 3,
  activeCalls: 2,
  isReloading: true,
  fault: undefined as string | undefined,
  findFault: () => Promise.resolve(server.fault),
  observe: () => () => undefined,
};

let notifier: SystemdNotifier;
const socket = { send: (...lines: readonly string[]) => void sent.push([...lines]) };
const create = (watchdogMs?: number) =>
  new SystemdNotifier({ socket, server, watchdogMs, logger: createSilentLogger() });

beforeEach(() => {
  vi.useFakeTimers();
  sent.length = 0;
  Object.assign(server, { activeCalls: 2, isReloading: true, fault: undefined });
  notifier = create();
});
afterEach(() => {
  notifier.dispose();
  vi.useRealTimers();
});

const named = (record: RunRecord, id: string, sharedWith: readonly string[] = []): RunRecord => ({
  ...record,
  id,
  sharedWith,
});
const states = () => sent.flatMap((lines) => lines.filter((line) => /^(READY|RELOADING|STOPPING|WATCHDOG)/.test(line)));

function serve(): void {
  notifier.phaseChanged('starting', 'opening the database');
  notifier.phaseChanged('serving', 'opening the database');
}

describe('messages to systemd', () => {
  it('the activity of a start, that the server is ready, and that it stops, each once', () => {
    serve();
    notifier.phaseChanged('closing', '');
    notifier.phaseChanged('closing', '');
    expect(sent).toEqual([
      ['STATUS=opening the database'],
      ['READY=1', 'STATUS=generation 3, 2 calls running'],
      ['STOPPING=1', 'STATUS=shutting down, 2 calls running'],
    ]);
  });

  it('a reload begins when it is asked for, with the clock of systemd, and ends with its outcome', () => {
    serve();
    const before = process.hrtime.bigint() / 1000n;
    notifier.reloadChanged(succeededReload, 'queued');
    expect(sent.at(-1)).toEqual([
      'RELOADING=1',
      expect.stringMatching(/^MONOTONIC_USEC=\d+$/),
      'STATUS=generation 3, 2 calls running, reloading',
    ]);
    expect(BigInt(sent.at(-1)?.[1]?.split('=')[1] ?? 0) >= before).toBe(true);
    notifier.reloadChanged(succeededReload, 'started');
    notifier.reloadChanged(succeededReload, 'ended');
    expect(sent.at(-1)).toEqual([
      'READY=1',
      'STATUS=generation 3, 2 calls running, last reload succeeded at 2024-01-15T10:30:00Z',
    ]);
    notifier.reloadChanged(failedReload, 'queued');
    notifier.reloadChanged(failedReload, 'ended');
    expect(sent.at(-1)).toEqual([
      'READY=1',
      'STATUS=generation 3, 2 calls running, last reload FAILED at 2024-01-15T10:30:00Z at stage load: unknown key "extention"; did you mean "extensions"?',
    ]);
  });

  it('is ready only when every request for a reload is answered, so that a SIGHUP during a reload is not taken for done', () => {
    serve();
    notifier.reloadChanged(named(succeededReload, 'a'), 'queued');
    notifier.reloadChanged(named(succeededReload, 'b'), 'queued');
    notifier.reloadChanged(named(succeededReload, 'c'), 'queued');
    notifier.reloadChanged(named(succeededReload, 'a'), 'ended');
    expect(states()).toEqual(['READY=1', 'RELOADING=1', 'RELOADING=1', 'RELOADING=1']);
    notifier.reloadChanged(named(succeededReload, 'b', ['c']), 'ended');
    expect(states().slice(4)).toEqual(['READY=1']);
  });

  it('does not wait for a request that was cancelled', () => {
    serve();
    notifier.reloadChanged(named(succeededReload, 'a'), 'queued');
    vi.advanceTimersByTime(5_000);
    expect(states()).toEqual(['READY=1', 'RELOADING=1']);
    server.isReloading = false;
    vi.advanceTimersByTime(5_000);
    expect(states()).toEqual(['READY=1', 'RELOADING=1', 'READY=1']);
  });

  it('answers a SIGHUP that starts no reload, and says nothing of dry runs', () => {
    serve();
    notifier.hangupIgnored();
    notifier.reloadChanged({ ...succeededReload, dryRun: true }, 'queued');
    notifier.reloadChanged({ ...succeededReload, dryRun: true }, 'ended');
    expect(states()).toEqual(['READY=1', 'RELOADING=1', 'READY=1']);
  });

  it('never says that it is ready while it stops', () => {
    serve();
    notifier.reloadChanged(succeededReload, 'queued');
    notifier.phaseChanged('closing', '');
    notifier.reloadChanged(succeededReload, 'ended');
    notifier.hangupIgnored();
    expect(states()).toEqual(['READY=1', 'RELOADING=1', 'STOPPING=1']);
  });

  it('the status follows what happens, at most every five seconds for calls', () => {
    serve();
    server.activeCalls = 1;
    vi.advanceTimersByTime(4_999);
    expect(sent).toHaveLength(2);
    vi.advanceTimersByTime(1);
    vi.advanceTimersByTime(60_000);
    expect(sent.slice(2)).toEqual([['STATUS=generation 3, 1 call running']]);
    notifier.drainChanged(new Date('2024-01-15T10:30:00Z'));
    expect(sent.at(-1)).toEqual(['STATUS=out of rotation since 2024-01-15T10:30:00Z, generation 3, 1 call running']);
  });

  it('a status stays short', () => {
    serve();
    const error = { ...failedReload.error, message: `first\n${'x'.repeat(5_000)}` };
    notifier.reloadChanged({ ...failedReload, error } as RunRecord, 'ended');
    const [, status = ''] = sent.at(-1) ?? [];
    expect(status.length).toBeLessThan(320);
    expect(status).not.toContain('\n');
  });
});

describe('the watchdog', () => {
  it('gets four signs of life in its time, as long as the database answers', async () => {
    notifier.dispose();
    notifier = create(20_000);
    serve();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(states()).toEqual(['READY=1', ...Array(4).fill('WATCHDOG=1')]);
    server.fault = 'check "database" failed';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states()).toHaveLength(5);
    server.fault = undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(states()).toHaveLength(6);
  });

  it('asks one question at a time', async () => {
    notifier.dispose();
    const findFault = vi.spyOn(server, 'findFault').mockReturnValue(new Promise(() => undefined));
    notifier = create(20_000);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(findFault).toHaveBeenCalledTimes(1);
    expect(states()).toEqual([]);
    findFault.mockRestore();
  });
});
