import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createSilentLogger } from '../../../src/logging/index.js';
import { startMetricsListener } from '../../../src/metrics/index.js';

it('clients that never read an answer do not keep others from a scrape', async () => {
  const listener = await startMetricsListener({
    host: '127.0.0.1',
    port: 0,
    expose: async () => ({ contentType: 'text/plain', body: `${'x'.repeat(8_000_000)}\n` }),
    logger: createSilentLogger(),
    unreadMs: 300,
  });
  onTestFinished(() => listener.dispose());
  const { hostname, port } = new URL(listener.url);
  const silent = Array.from({ length: 32 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return socket;
  });
  onTestFinished(() => silent.forEach((socket) => socket.destroy()));
  await vi.waitFor(() => expect(silent.every(({ readyState }) => readyState !== 'opening')).toBe(true));
  await vi.waitFor(async () => {
    const response = await fetch(listener.url);
    expect((await response.text()).length).toBe(8_000_001);
  }, 9000);
});
