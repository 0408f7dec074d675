import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, Scrubber } from '../../../src/logging/index.js';
import { openNotifySocket } from '../../../src/systemd/notify-socket.js';
import { NotifyReceiver } from '../../kit/notify-receiver.js';

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mxcp-n-'));
  lines = [];
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const logger = () =>
  createLogger({ level: 'debug', format: 'text', scrubber: new Scrubber(), sinks: [(line) => void lines.push(line)] });

describe('the socket of systemd', () => {
  it.each(['path', 'abstract name'])('gets messages in order by its %s', async (kind) => {
    const address = kind === 'path' ? join(folder, 'notify') : `@mxcp-test-${process.pid}`;
    using receiver = await NotifyReceiver.open(address);
    const socket = await openNotifySocket(address, logger());
    socket.send('RELOADING=1', 'MONOTONIC_USEC=1', 'STATUS=ä');
    for (let index = 0; index < 30; index += 1) socket.send(`X=${index}`);
    await vi.waitFor(() => expect(receiver.messages).toHaveLength(31));
    expect(receiver.messages).toEqual([
      'RELOADING=1\nMONOTONIC_USEC=1\nSTATUS=ä',
      ...Array.from({ length: 30 }, (_, index) => `X=${index}`),
    ]);
    expect(lines).toEqual([]);
  });

  it('that cannot be reached is reported once', async () => {
    const socket = await openNotifySocket(join(folder, 'absent'), logger());
    socket.send('READY=1');
    socket.send('STOPPING=1');
    expect(lines).toEqual([expect.stringMatching(/ WARN mxcp: systemd cannot be notified \(errno 2\)\n$/)]);
  });
});

describe('where koffi is not installed', () => {
  const openWithout = () => openNotifySocket('/run/x', logger(), 'unknown');

  function install(script: string): string {
    const log = join(folder, 'log');
    writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\n${script.replaceAll('LOG', log)}\n`);
    chmodSync(join(folder, 'systemd-notify'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
    return log;
  }

  it('one program after the other sends the messages', async () => {
    const log = install('sleep 0.0$1; echo "$NOTIFY_SOCKET $*" >> LOG');
    const socket = await openWithout();
    socket.send('3', 'STATUS=a b');
    socket.send('0');
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toBe('/run/x 3 STATUS=a b\n/run/x 0\n'));
  });

  it.each([
    ['a program that fails', 'exit 3', 'it ended with 3'],
    ['no such program', undefined, 'ENOENT'],
  ])('%s is reported once', async (_name, script, reason) => {
    if (script === undefined) vi.stubEnv('PATH', folder);
    else install(script);
    const socket = await openWithout();
    socket.send('READY=1');
    socket.send('STOPPING=1');
    await vi.waitFor(() => expect(lines.filter((line) => line.includes('WARN'))).toHaveLength(1));
    expect(lines.join('')).toContain(reason);
    expect(lines[0]).toContain('DEBUG mxcp: koffi is not available');
  });
});
