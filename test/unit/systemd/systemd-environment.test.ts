import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeServiceEnvironment } from '../../../src/systemd/index.js';

const PID = 42;

function take(env: Record<string, string>): ReturnType<typeof takeServiceEnvironment> {
  return takeServiceEnvironment({ ...env }, PID);
}

const handed = (names: string | undefined, count: number | string = names?.split(':').length ?? 1) =>
  take({ LISTEN_PID: '42', LISTEN_FDS: String(count), ...(names !== undefined && { LISTEN_FDNAMES: names }) }).sockets;

describe('the environment that systemd makes', () => {
  it('is removed, so that no child takes it for its own, and the rest stays', () => {
    const env = {
      PATH: '/bin',
      NOTIFY_SOCKET: '@x',
      WATCHDOG_USEC: '30000000',
      WATCHDOG_PID: '42',
      LISTEN_PID: '42',
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'admin',
      LISTEN_PIDFDID: '7',
    };
    expect(takeServiceEnvironment(env, PID)).toEqual({
      notifySocket: '@x',
      watchdogMs: 30_000,
      sockets: { admin: 3, probe: undefined, mcp: [] },
    });
    expect(env).toEqual({ PATH: '/bin' });
    expect(takeServiceEnvironment(env, PID)).toEqual(take({}));
  });

  it('does nothing outside of systemd', () => {
    expect(take({})).toEqual({
      notifySocket: undefined,
      watchdogMs: undefined,
      sockets: { admin: undefined, probe: undefined, mcp: [] },
    });
    expect(take({ NOTIFY_SOCKET: '' }).notifySocket).toBeUndefined();
  });

  it('takes a watchdog and sockets only if they are meant for this process', () => {
    expect(take({ WATCHDOG_USEC: '1000000', WATCHDOG_PID: '41' }).watchdogMs).toBeUndefined();
    expect(take({ WATCHDOG_USEC: '1000000' }).watchdogMs).toBe(1_000);
    expect(take({ WATCHDOG_USEC: '0' }).watchdogMs).toBeUndefined();
    expect(take({ WATCHDOG_USEC: 'soon' }).watchdogMs).toBeUndefined();
    expect(take({ LISTEN_PID: '41', LISTEN_FDS: '9' }).sockets).toEqual(take({}).sockets);
    expect(take({ LISTEN_FDS: '1' }).sockets).toEqual(take({}).sockets);
  });

  it('assigns sockets by name, in any order, and a single one without a known name to the admin socket', () => {
    expect(handed('mcp:probe:admin:mcp')).toEqual({ admin: 5, probe: 4, mcp: [3, 6] });
    expect(handed('mcp')).toEqual({ admin: undefined, probe: undefined, mcp: [3] });
    expect(handed('mxcp-admin.socket')).toEqual({ admin: 3, probe: undefined, mcp: [] });
    expect(handed(undefined)).toEqual({ admin: 3, probe: undefined, mcp: [] });
  });

  it('refuses a socket that nothing would answer on', () => {
    expect(() => handed('admin:mxcp.socket')).toThrow(
      /named "mxcp.socket".* `FileDescriptorName=` .* admin, probe or mcp/,
    );
    expect(() => handed('admin', 2)).toThrow(/named ""/);
    expect(() => handed('admin:admin')).toThrow(/several sockets named "admin"/);
    expect(() => handed('admin:probe:probe')).toThrow(/several sockets named "probe"/);
    expect(() => handed('mcp:mcp:mcp:mcp:mcp:mcp')).toThrow(/handed over 6 sockets; at most 5/);
  });

  it('never assigns a descriptor twice or one that was not handed over, whatever the variables say', () => {
    const text = oneof(constantFrom('admin', 'probe', 'mcp', '42', '1', '3', ''), string());
    assert(
      property(text, text, array(text), (pid, count, names) => {
        try {
          const { sockets } = take({ LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names.join(':') });
          const { admin = [], probe = [], mcp } = sockets;
          const all = [admin, probe, mcp].flat();
          expect(new Set(all).size).toBe(all.length);
          expect(all.every((fd) => fd >= 3 && fd < 3 + Math.max(0, Number(count)))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'socket_failed' });
        }
      }),
    );
  });
});
