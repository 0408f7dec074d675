import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { expose, isOpenMetricsWanted, toFamilies } from '../../../src/metrics/exposition.js';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

function createRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'calls_total', help: 'Calls.', labelNames: ['name'], registers }).inc({ name: 'a"\\\nb' }, 2);
  new Gauge({ name: 'ready', help: 'Whether.', registers }).set(1);
  new Gauge({ name: 'unknown', help: 'Not known.', registers }).set(Number.NaN);
  new Histogram({ name: 'seconds', help: 'Time.', buckets: [1], registers }).observe(0.5);
  return registry;
}

test.each([
  ['', TEXT],
  ['*/*', TEXT],
  ['text/plain', TEXT],
  ['text/html', TEXT],
  ['application/openmetrics-text', OPEN_METRICS],
  // As Prometheus 2.42 and 3 send it.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    OPEN_METRICS,
  ],
  [
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4',
    OPEN_METRICS,
  ],
  ['text/plain;q=0.9, application/openmetrics-text;q=0.1', TEXT],
  ['application/openmetrics-text;q=0', TEXT],
  ['application/openmetrics-text;q=high', TEXT],
])('Accept: %s gets %s', async (accept, contentType) => {
  expect((await expose(createRegistry(), isOpenMetricsWanted(accept))).contentType).toBe(contentType);
});

test('both formats name a counter as their specifications do, in whatever order they are asked for', async () => {
  const registry = createRegistry();
  const first = await expose(registry, false);
  const open = await expose(registry, true);
  expect(first.body).toContain('# TYPE calls_total counter\ncalls_total{name="a\\"\\\\\\nb"} 2\n');
  expect(open.body).toContain('# TYPE calls counter\ncalls_total{name="a\\"\\\\\\nb"} 2\n');
  expect(open.body).toMatch(/\n# EOF\n$/);
  expect(await expose(registry, false)).toEqual(first);
});

test('the families have every sample as a number, and none that is not known', async () => {
  const families = await toFamilies(createRegistry());
  expect(families).toEqual([
    {
      name: 'calls_total',
      help: 'Calls.',
      type: 'counter',
      samples: [{ name: 'calls_total', labels: { name: 'a"\\\nb' }, value: 2 }],
    },
    { name: 'ready', help: 'Whether.', type: 'gauge', samples: [{ name: 'ready', labels: {}, value: 1 }] },
    { name: 'unknown', help: 'Not known.', type: 'gauge', samples: [] },
    {
      name: 'seconds',
      help: 'Time.',
      type: 'histogram',
      samples: [
        { name: 'seconds_bucket', labels: { le: '1' }, value: 1 },
        { name: 'seconds_bucket', labels: { le: '+Inf' }, value: 1 },
        { name: 'seconds_sum', labels: {}, value: 0.5 },
        { name: 'seconds_count', labels: {}, value: 1 },
      ],
    },
  ]);
});
