import { z } from 'zod';
import { component } from './components.js';

const metricFamily = component(
  'MetricFamily',
  'One metric. A histogram has its buckets, its sum and its count as samples with names of their own.',
  z.strictObject({
    name: z.string(),
    help: z.string(),
    type: z.enum(['counter', 'gauge', 'histogram']),
    samples: z.array(z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()), value: z.number() })),
  }),
);

export const metrics = component(
  'Metrics',
  'Every metric with its samples, the same as in the text formats.',
  z.strictObject({ metrics: z.array(metricFamily) }),
);
