import {
  type Metric,
  type MetricObjectWithValues,
  type MetricValueWithName,
  type OpenMetricsContentType,
  openMetricsContentType,
  Registry,
} from 'prom-client';
import type { MetricFamily } from '../contract/index.js';

/** The metrics in one of the formats that a scrape can ask for. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** Whether the scraper wants `application/openmetrics-text` at least as much as plain text, as Prometheus does. */
export function isOpenMetricsWanted(accept: string): boolean {
  const wanted = parseAccept(accept);
  const openMetrics = wanted.get('application/openmetrics-text') ?? 0;
  return openMetrics > 0 && openMetrics >= (wanted.get('text/plain') ?? 0);
}

export async function expose(registry: Registry, isOpenMetrics: boolean): Promise<Exposition> {
  const chosen = isOpenMetrics ? toOpenMetrics(registry) : registry;
  return { contentType: chosen.contentType, body: await chosen.metrics() };
}

/**
 * The same metrics in a registry that writes the other format. That one renames counters (prom-client 15.1.3), so it gets
 * objects that only inherit from them.
 */
function toOpenMetrics(registry: Registry): Registry<OpenMetricsContentType> {
  const copy = new Registry<OpenMetricsContentType>();
  copy.setContentType(openMetricsContentType);
  for (const metric of registry.getMetricsAsArray()) {
    // The declared type of what a registry holds is not that of what it takes.
    copy.registerMetric(Object.create(metric) as Metric);
  }
  return copy;
}

/** Media types with their weights. A type with a weight that is not a number is ignored. */
function parseAccept(accept: string): ReadonlyMap<string, number> {
  const weights = accept.split(',').flatMap((part): [string, number][] => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1);
    return Number.isNaN(weight) ? [] : [[type, weight]];
  });
  return new Map(weights);
}

/** Every metric with its samples, as `mxcp admin metrics` and exporters read them. */
export async function toFamilies(registry: Registry): Promise<readonly MetricFamily[]> {
  // The declared type leaves out the names of the samples of histograms.
  const metrics: readonly MetricObjectWithValues<MetricValueWithName<string>>[] = await registry.getMetricsAsJSON();
  return metrics.map(({ name, help, type, values }) => ({
    name,
    help,
    type: String(type) as MetricFamily['type'],
    samples: values.flatMap(({ metricName = name, labels, value }) => {
      const texts = Object.entries(labels).map(([label, held]) => [label, String(held)] as const);
      return Number.isFinite(value) ? [{ name: metricName, labels: Object.fromEntries(texts), value }] : [];
    }),
  }));
}
